import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { newKey } from '../bundle/keys.ts'
import { acceptPolicy, signPolicy } from '../bundle/policy-file.ts'
import { draftPolicy } from '../bundle/policy-draft.ts'
import type { Statement } from '../bundle/statement.ts'
import { signBundle } from '../bundle/verify.ts'
import type { OnProgress } from '../bundle/fault.ts'
import { newAuthority } from '../enclave/pki/authority.ts'
import { fingerprint } from '../enclave/remote/host-key.ts'
import { initSite } from '../enclave/site/init.ts'
import type { Lab } from '../lab/lab.ts'
import { placeOf } from './placement.ts'
import { viewOf } from './view.ts'

/** The domain of what is tried in a lab: no name server outside can know it. */
export const DOMAIN = 'enclave.example'

const LEVELS = ['UNCLASSIFIED', 'CONFIDENTIAL', 'SECRET', 'TOP SECRET']
const YEAR_MS = 365 * 86_400_000

/** An organisation that exists for as long as a lab: keys in memory, one policy, one PKI. */
export interface Organisation {
  /** A signed copy of a bundle, as hard links below the organisation's folder. */
  accept(bundle: string, label: string, onProgress: OnProgress, signal: AbortSignal): Promise<string>
  /** The folder of a site with every host of the lab. */
  site(lab: Lab, statement: Statement): Promise<Site>
}

export interface Site {
  readonly folder: string
  /** File with the passphrase of the issuing CA. */
  readonly passphrase: string
  readonly roles: readonly string[]
}

/** Whoever may sign releases of these statements, up to the highest of their markings. `folder` is on the file system of the bundles. */
export async function newOrganisation(folder: string, statements: readonly Statement[], now: Date): Promise<Organisation> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const [root, publisher] = [await newKey('Security Officer', 'root'), await newKey('Platform Publisher', 'publisher')]
  const { marking } = statements.at(-1) as Statement
  const levels = LEVELS.includes(marking.level) ? LEVELS : [marking.level]
  const instant = (date: Date): string => `${date.toISOString().slice(0, 19)}Z`
  const payload = draftPolicy({
    ...{ site: 'proof', created: instant(now), expires: instant(new Date(now.getTime() + YEAR_MS)) },
    keys: [
      { key: root, names: [] },
      { key: publisher, names: [...new Set(statements.map(({ name }) => name))] },
    ],
    ceiling: {
      ...{ policy: marking.policy, policyVersion: marking.policyVersion, levels, level: levels.at(-1) ?? marking.level },
      categories: [...new Set(statements.flatMap((one) => one.marking.categories))],
    },
  })
  const bytes = signPolicy(payload, [root])
  const policy = join(folder, 'trust-policy.json')
  await writeFile(policy, bytes)
  const passphrase = join(folder, 'passphrase')
  const secret = randomBytes(24).toString('base64url')
  await writeFile(passphrase, `${secret}\n`, { mode: 0o600 })
  return {
    async accept(bundle, label, onProgress, signal) {
      const view = await viewOf(bundle, join(folder, label))
      await signBundle(view, publisher, { onProgress, signal })
      return view
    },
    async site(lab, statement) {
      const authority = await newAuthority(join(folder, 'pki'), { organisation: 'Proof', passphrase: secret, now })
      const placed = placeOf(statement, lab.hosts.length)
      const site = join(folder, 'site')
      await initSite(site, {
        ...{ name: 'proof', domain: DOMAIN, policy, policyDigest: acceptPolicy(bytes).digest, roots: authority.root },
        issuing: { certificate: authority.issuing, key: authority.issuingKey },
        hosts: lab.hosts.map(({ name, address, port, hostKeys }, at) => ({
          ...{ name, address, port, fingerprint: fingerprint(hostKeys[0] ?? '') },
          ...(placed.roles === undefined ? {} : { roles: placed.roles[at] ?? [] }),
        })),
        ...(placed.roles === undefined ? { profile: 'standard' } : {}),
        identity: lab.identity,
        ...{ backupDirectory: '/var/backups/sallyport', stretchDays: 400, stretchReason: 'a rehearsal in a lab' },
        // Minutes, so that locked objects do not outlive their lab by much.
        ...{ auditDays: 0.01, certificateDays: 30 },
      })
      return { folder: site, passphrase, roles: placed.all }
    },
  }
}
