import { readFile } from 'node:fs/promises'
import { writeDurably } from '../journal/durable.ts'
import type { HostPaths } from '../paths.ts'
import type { Site } from '../site/site.ts'

/** Markers as Ansible's blockinfile writes them: the role host_base keeps the same block. */
const BEGIN = '# BEGIN SALLYPORT'
const END = '# END SALLYPORT'

/** One line a service: `192.0.2.10 depot.enclave.example`. */
export function nameLines(site: Site): string[] {
  return site.hosts.flatMap((host) => host.roles.map((role) => `${host.address} ${role}.${site.domain}`))
}

/** Names the services of the site in /etc/hosts: an enclave may have no DNS. Podman copies the file into containers. */
export async function writeNames(paths: HostPaths, site: Site): Promise<void> {
  const before = await readFile(paths.hosts, 'utf8').catch(() => '')
  const kept = before.replace(new RegExp(`^${BEGIN}\\n[^]*?^${END}\\n`, 'm'), '').replace(/\n*$/, '\n')
  const after = `${kept}${BEGIN}\n${nameLines(site).join('\n')}\n${END}\n`
  if (after !== before) await writeDurably(paths.hosts, after)
}
