import type { EngineCertificate, EngineKey } from '../engine/ssh-agent.ts'
import { fault } from '../codes.ts'
import { planDigest, planId, type Plan } from '../plan/plan.ts'
import type { Connection, Login } from '../remote/connection.ts'
import { operatorKey } from '../remote/operator-key.ts'
import { keyLine } from '../remote/host-key.ts'
import { certifyUser } from '../remote/user-certificate.ts'
import type { Site } from '../site/site.ts'
import { askEngine } from './ask.ts'

const HOURS = 8
/** Clocks of an enclave differ. */
const EARLIER_MS = 15 * 60_000

/** The one principal that hosts take from the operator's key as an authority. */
function principalOf(site: Site): string {
  return `sallyport-${site.id}`
}

/**
 * Makes each other host trust the operator's key as the authority for one thing: the engine, from the depot's address.
 * sshd is told in a file of its own and asked what it will do. Throws E_HOST_TRUST.
 */
export async function trustEngine(others: readonly Connection[], site: Site, depot: string, login: Login): Promise<void> {
  if (others.length === 0) return
  const { publicKey } = await operatorKey(login)
  const files: readonly (readonly [string, string])[] = [
    ['/etc/ssh/sallyport/authority.pub', `${keyLine(publicKey)}\n`],
    ['/etc/ssh/sallyport/principals', `${principalOf(site)}\n`],
    [
      '/etc/ssh/sshd_config.d/10-sallyport.conf',
      `# Written by Sallyport: its engine comes from the depot with a certificate that the operator signs for some hours.
Match User root Address ${depot}
  TrustedUserCAKeys /etc/ssh/sallyport/authority.pub
  AuthorizedPrincipalsFile /etc/ssh/sallyport/principals
`,
    ],
  ]
  for (const connection of others) {
    let changed = false
    for (const [path, input] of files) {
      const same = await connection.exec(`cmp --silent - ${path}`, { input })
      if (same.code === 0) continue
      changed = true
      await connection.must(`mkdir -p "$(dirname ${path})" && umask 022 && cat > ${path}.new && mv -fT ${path}.new ${path}`, { input })
    }
    if (changed) await connection.must('/usr/sbin/sshd -t && if systemctl --quiet is-active ssh.service; then systemctl reload ssh.service; fi')
    const effective = await connection.must(`/usr/sbin/sshd -T -C user=root,addr=${depot},host=depot,laddr=${connection.host.address},lport=${connection.host.port}`)
    if (!/^trustedusercakeys \/etc\/ssh\/sallyport\/authority\.pub$/im.test(effective))
      throw fault('E_HOST_TRUST', `${connection.host.name} does not take the operator’s key as an authority for the engine`, {
        expected: 'TrustedUserCAKeys /etc/ssh/sallyport/authority.pub for root from the depot',
        found: /^trustedusercakeys .*$/im.exec(effective)?.[0] ?? 'no TrustedUserCAKeys',
      })
  }
}

/** Gives the engine's key a certificate for this plan, unless it has one that lasts. */
export async function certifyEngine(depot: Connection, site: Site, plan: Plan, login: Login, now: Date): Promise<string> {
  const id = planId(plan)
  const { key, certified } = await askEngine<EngineKey>(depot, 'key', { plan: id })
  if (certified) return 'its certificate lasts'
  const validBefore = new Date(now.getTime() + HOURS * 3600_000)
  const certificate = await certifyUser(
    {
      key,
      keyId: `sallyport plan ${planDigest(plan)}`,
      principals: [principalOf(site)],
      validAfter: new Date(now.getTime() - EARLIER_MS),
      validBefore,
      sourceAddress: depot.host.address,
    },
    await operatorKey(login),
  )
  const handed: EngineCertificate = { plan: id, certificate, validBefore: validBefore.toISOString() }
  await askEngine(depot, 'certified', handed)
  return `until ${validBefore.toISOString()}`
}
