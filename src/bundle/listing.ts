import { lstat, opendir } from 'node:fs/promises'
import { join } from 'node:path'
import { fault } from './codes.ts'
import { ioFault } from './io.ts'
import { LAYOUT, LIMITS, isUnlisted } from './layout.ts'
import { printable } from './printable.ts'
import type { Reason } from './reasons.ts'
import type { Sums } from './sums.ts'

export interface Listing {
  /** Path → size in bytes, of every regular file. */
  readonly files: ReadonlyMap<string, number>
  readonly folders: readonly string[]
  /** Links, devices, pipes, sockets, and what kind each is. */
  readonly others: ReadonlyMap<string, string>
}

/** Lists a bundle without following a link. @throws E_TOO_LARGE beyond the greatest number of files */
export async function listBundle(directory: string): Promise<Listing> {
  const files = new Map<string, number>()
  const others = new Map<string, string>()
  const folders: string[] = []
  const pending = ['']
  try {
    for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
      for await (const entry of await opendir(join(directory, folder))) {
        const path = folder === '' ? entry.name : `${folder}/${entry.name}`
        // What stands for bytes that are no UTF-8: no file would be found under this name.
        const state = path.includes('\ufffd') ? undefined : await lstat(join(directory, path))
        if (state === undefined) others.set(path, 'a file whose name is not UTF-8')
        else if (state.isFile()) files.set(path, state.size)
        else if (state.isDirectory()) {
          folders.push(path)
          pending.push(path)
        } else others.set(path, state.isSymbolicLink() ? 'a symbolic link' : 'a special file')
        if (files.size + folders.length + others.size > LIMITS.files) {
          throw fault('E_TOO_LARGE', `${directory} holds more files than a bundle may`, {
            expected: `at most ${LIMITS.files}`,
            found: 'more',
          })
        }
      }
    }
  } catch (error) {
    throw ioFault(error, `listing ${directory}`)
  }
  return { files, folders, others }
}

/** Every difference between what stands in the bundle and what SHA512SUMS lists. */
export function listingReasons({ files, folders, others }: Listing, sums: Sums): Reason[] {
  const reasons: Reason[] = []
  for (const [path, kind] of others) reasons.push({ code: 'E_FILE_KIND', text: `${path} is ${kind}` })
  for (const path of sums.keys()) {
    if (!files.has(path) && !others.has(path)) reasons.push({ code: 'E_FILE_MISSING', text: `${path} is missing` })
  }
  const wanted = new Set<string>([LAYOUT.signatures, LAYOUT.approvals])
  for (const path of [...sums.keys(), `${LAYOUT.blobs}/`]) {
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) wanted.add(path.slice(0, end))
  }
  for (const path of files.keys()) {
    if (!sums.has(path) && !isUnlisted(path)) reasons.push({ code: 'E_FILE_EXTRA', text: `${path} is in no list` })
  }
  for (const path of folders) {
    if (!wanted.has(path)) reasons.push({ code: 'E_FILE_EXTRA', text: `the folder ${path}/ holds no listed file` })
  }
  return reasons.map((reason) => ({ ...reason, text: printable(reason.text) }))
}
