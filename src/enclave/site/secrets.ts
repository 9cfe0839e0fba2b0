import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fault } from '../codes.ts'
import { ROLES, type Role } from './site.ts'

const MAX_BYTES = 64 * 1024

/** A secret that the site hands over, such as a directory's password. On a host it is `/etc/sallyport/secrets/<name>`. */
export interface Secret {
  readonly name: string
  /** Goes to the hosts with this role; to every host when absent. */
  readonly role?: Role
  readonly path: string
}

/** `DIR/secrets/<name>` for every host, `DIR/secrets/<role>/<name>` for the hosts of a role. Throws E_SITE_INVALID. */
export async function listSecrets(folder: string): Promise<Secret[]> {
  const base = join(folder, 'secrets')
  const found: Secret[] = []
  const strange: string[] = []
  for (const entry of await readdir(base, { withFileTypes: true, recursive: true }).catch(() => [])) {
    if (entry.isDirectory()) continue
    const path = join(entry.parentPath, entry.name)
    const [first = '', second, ...deeper] = path.slice(base.length + 1).split('/')
    const name = second ?? first
    const known = second === undefined || (ROLES as readonly string[]).includes(first)
    if (!entry.isFile() || deeper.length > 0 || !known || !/^[a-z0-9][a-z0-9._-]*$/.test(name)) strange.push(path.slice(folder.length + 1))
    else found.push({ name, path, ...(second === undefined ? {} : { role: first as Role }) })
  }
  if (strange.length > 0)
    throw fault('E_SITE_INVALID', `${base} holds what is no secret of a site`, {
      expected: 'secrets/NAME or secrets/ROLE/NAME, plain files with names of a-z, 0-9, dots and hyphens',
      faults: strange,
    })
  return found.toSorted((a, b) => (a.path < b.path ? -1 : 1))
}

/** The bytes of a secret. */
export async function readSecret({ path, name }: Secret): Promise<Buffer> {
  const bytes = await readFile(path)
  if (bytes.length > MAX_BYTES) throw fault('E_SITE_INVALID', `the secret ${name} is larger than ${MAX_BYTES} bytes`)
  return bytes
}
