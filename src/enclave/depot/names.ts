import { readFile } from 'node:fs/promises'
import { writeDurably } from '../journal/durable.ts'
import type { HostPaths } from '../paths.ts'

/** Markers as Ansible's blockinfile writes them: the role host_base keeps the same block. */
const BEGIN = '# BEGIN SALLYPORT'
const END = '# END SALLYPORT'

/** Names the services of the site in /etc/hosts: an enclave may have no DNS. Podman copies the file into containers. */
export async function writeNames(paths: HostPaths, names: readonly string[]): Promise<void> {
  const before = await readFile(paths.hosts, 'utf8').catch(() => '')
  const kept = before.replace(new RegExp(`^${BEGIN}\\n[^]*?^${END}\\n`, 'm'), '').replace(/\n*$/, '\n')
  const after = `${kept}${BEGIN}\n${names.join('\n')}\n${END}\n`
  if (after !== before) await writeDurably(paths.hosts, after)
}
