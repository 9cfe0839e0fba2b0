import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { atMost } from '../../images/archive.ts'
import { contentBytes } from '../../images/content.ts'
import { sizeOf, type Entry } from '../../images/node.ts'
import { readTar } from '../../images/tar-read.ts'
import { writeTar } from '../../images/tar-write.ts'

/** MANIFEST.json of a collection (docs.ansible.com, "Collection structure"), the members that are used here. */
export interface Manifest {
  readonly collection_info: {
    readonly namespace: string
    readonly name: string
    readonly version: string
    readonly dependencies?: Readonly<Record<string, string>>
  }
  readonly file_manifest_file: { readonly name: string; readonly chksum_sha256: string }
}

/** Bytes that a manifest may have: it is read into memory. */
const MANIFEST_LIMIT = 16 << 20

/** Bytes that an archive may inflate to; the largest collections of Ansible have about 100 MB. */
const INFLATED_LIMIT = 2 ** 31

/** MANIFEST.json of a collection's archive; undefined when it has none. `inflated` is a file that must not exist. */
export async function manifestOf(archive: string, inflated: string): Promise<Manifest | undefined> {
  return inflate(archive, inflated, (entries) => {
    const bytes = bytesOf(entries, 'MANIFEST.json')
    return bytes === undefined ? undefined : (JSON.parse(bytes.toString('utf8')) as Manifest)
  })
}

/**
 * Rewrites an archive that `ansible-galaxy collection build` made here, so that the same files give the same bytes: its
 * list of files has the order of the folder on disk, and every entry the time of the build.
 */
export async function settle(archive: string): Promise<void> {
  await inflate(archive, `${archive}.tar`, async (entries) => {
    const manifest = JSON.parse(bytesOf(entries, 'MANIFEST.json')?.toString('utf8') ?? '{}') as Manifest
    const list = JSON.parse(bytesOf(entries, 'FILES.json')?.toString('utf8') ?? '{}') as { files: { name: string }[] }
    const files = json({ ...list, files: list.files.toSorted((a, b) => (a.name < b.name ? -1 : 1)) })
    const checksum = createHash('sha256').update(files).digest('hex')
    const own = new Map([
      ['FILES.json', files],
      ['MANIFEST.json', json({ ...manifest, file_manifest_file: { ...manifest.file_manifest_file, chksum_sha256: checksum } })],
    ])
    const settled = entries.map(({ path, node }): Entry => {
      const content = own.get(path)
      const plain = { ...node, mtime: 0, uid: 0, gid: 0, mode: node.type === 'file' && (node.mode & 0o100) === 0 ? 0o644 : 0o755 }
      return { path, node: content === undefined || plain.type !== 'file' ? plain : { ...plain, content } }
    })
    settled.sort((a, b) => (a.path < b.path ? -1 : 1))
    await pipeline(Readable.from(writeTar(settled)), createGzip({ level: 9 }), createWriteStream(`${archive}.settled`))
  })
  await pipeline(createReadStream(`${archive}.settled`), createWriteStream(archive))
  await rm(`${archive}.settled`)
}

const json = (value: unknown): Buffer => Buffer.from(`${JSON.stringify(value, undefined, 1)}\n`)

function bytesOf(entries: readonly Entry[], name: string): Buffer | undefined {
  const node = entries.find(({ path }) => path.replace(/^\.\//, '') === name)?.node
  return node?.type !== 'file' || sizeOf(node.content) > MANIFEST_LIMIT ? undefined : contentBytes(node.content)
}

async function inflate<T>(archive: string, inflated: string, work: (entries: readonly Entry[]) => T | Promise<T>): Promise<T> {
  await pipeline(createReadStream(archive), createGunzip(), atMost(INFLATED_LIMIT), createWriteStream(inflated, { flags: 'wx' }))
  try {
    return await work(readTar(inflated))
  } finally {
    await rm(inflated, { force: true })
  }
}
