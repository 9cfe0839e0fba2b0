import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { AuthorityFiles } from '../enclave/pki/authority.ts'
import type { Lab } from '../lab/lab.ts'
import { DOMAIN } from './organisation.ts'
import type { Places } from './places.ts'
import { sallyport, succeed, type Ended, type RunOptions } from './sallyport.ts'

/** `SHA256:…` as ssh-keygen -l prints it, of a public key line. */
export function fingerprint(line: string): string {
  const blob = Buffer.from(line.split(' ')[1] ?? '', 'base64')
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`
}

export interface SiteOptions {
  /** Of ansible/profiles.json. */
  readonly profile?: 'lite' | 'standard' | 'scale'
  /** YAML: objectStore, pki, identity, alerts as in site.yaml. */
  readonly settings?: string
}

/** The folder of a site with the hosts of a lab, whose SSH keys are confirmed as their administrators read them on the console. */
export async function initSite(places: Places, lab: Lab, authority: AuthorityFiles, policyDigest: string, options: SiteOptions = {}): Promise<void> {
  await succeed([
    ...['site', 'init', places.site, '--name', 'demo', '--domain', DOMAIN, '--profile', options.profile ?? 'standard'],
    ...lab.hosts.flatMap((host) => ['--host', `${host.name}=${host.address}`, '--host-key', `${host.name}=${fingerprint(host.hostKeys[0] ?? '')}`]),
    ...['--policy', places.policy, '--policy-digest', policyDigest, '--ca', authority.root],
    ...['--issuing', authority.issuing, '--issuing-key', authority.issuingKey, '--ceiling', 'TOP SECRET'],
    ...['--people', join(places.people, 'people.yaml'), '--identity', lab.identity],
    ...(options.settings === undefined ? [] : ['--settings', options.settings]),
    // Minutes, so that a demo's locked objects do not outlive it by much.
    ...['--audit-days', '0.01'],
  ])
}

type Change = 'install' | 'upgrade'

/** Runs install or upgrade from the bundle's own executable, as an operator in the enclave would. */
export async function change(verb: Change, places: Places, bundle: string, options: RunOptions = {}): Promise<Ended> {
  return sallyport([verb, bundle, '--site', places.site, '--yes', '--ca-passphrase-file', places.passphrase], {
    executable: join(bundle, 'sallyport'),
    ...options,
  })
}
