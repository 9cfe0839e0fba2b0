import { fault } from '../codes.ts'
import { Connection } from '../remote/connection.ts'
import { certificatesOn } from './certificate-status.ts'
import { certifyHosts } from './certify.ts'
import { hostsNamed } from './hosts.ts'
import { loginOf, type Secrets } from './session.ts'
import type { SiteFiles } from './site-files.ts'
import { tellEndsEverywhere } from './tell-ends.ts'

export interface Renewal {
  /** Every service that has a certificate, when absent. */
  readonly service: string | undefined
  /** Every host, when absent. */
  readonly host: string | undefined
}

/**
 * Gives services new keys and certificates; the old ones stay in use until the new are there. With a delegated CA that is at
 * once; otherwise E_WAITING_FOR_CERTIFICATES names the file to send out. Answers one line a host.
 */
export async function renewCertificates(files: SiteFiles, { service, host }: Renewal, secrets: Secrets, now: Date): Promise<string[]> {
  const { hosts } = await certificatesOn(files, secrets, host, now)
  const wanted = hosts.map((one) => ({
    host: one.host,
    services: one.services.filter((held) => (service === undefined || held.service === service) && (held.serial !== undefined || held.waiting)).map((held) => held.service),
  }))
  if (wanted.every(({ services }) => services.length === 0))
    throw fault('E_CERTIFICATE', `no host has a certificate of ${service ?? 'any service'}`, {
      expected: 'a service of services.json that the site runs',
      found: service ?? 'none',
      next: 'sallyport certificates status --site DIR',
    })
  const login = await loginOf(files.site, secrets)
  const connections: Connection[] = []
  try {
    for (const one of wanted)
      for (const found of hostsNamed(files.site, one.host)) if (one.services.length > 0) connections.push(await Connection.open(found, login))
    const parts = connections.map((connection) => {
      const services = wanted.find((one) => one.host === connection.host.name)?.services ?? []
      return { connection, services, renew: services }
    })
    const said = await certifyHosts(parts, files, secrets.issuingPassphrase, now)
    await tellEndsEverywhere(files, secrets, now)
    return said
  } finally {
    for (const connection of connections) connection.close()
  }
}
