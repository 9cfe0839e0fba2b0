import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { readStatementBytes } from '../bundle/bundle.ts'
import { sha512 } from '../bundle/digest.ts'
import type { OnProgress } from '../bundle/fault.ts'
import { hashFiles } from '../bundle/hash-pool.ts'
import { readRegular } from '../bundle/io.ts'
import { listBundle } from '../bundle/listing.ts'
import { comparePaths } from '../bundle/path.ts'
import { parseStatement } from '../bundle/statement.ts'
import { parseListing } from '../bundle/volumes/listing.ts'
import { fault } from './codes.ts'
import type { Carried, Content } from './entry.ts'

const LISTING_LIMIT = 16 << 20

/** Every file of a medium (a folder, or one archive) by its bytes. Links and devices have no place in a crossing. @throws E_CUSTODY_LOG */
export async function contentOf(path: string, onProgress?: OnProgress, signal?: AbortSignal): Promise<Content> {
  const jobs: { name: string; path: string; size: number }[] = []
  const state = await stat(path)
  if (state.isDirectory()) {
    const { files, others } = await listBundle(path)
    if (others.size > 0) throw fault('E_CUSTODY_FOUND', `${path} holds what is no file`, { faults: [...others].map(([name, kind]) => `${name} is ${kind}`) })
    for (const [name, size] of files) jobs.push({ name, path: join(path, name), size })
  } else jobs.push({ name: basename(path), path, size: state.size })
  const lines: { name: string; sha512: string }[] = []
  let bytes = 0
  await hashFiles(jobs, { ...(onProgress ? { onProgress } : {}), signal }, ({ job, result }) => {
    if (result.error) throw fault('E_CUSTODY_LOG', `${job.path} could not be read`, { found: result.error.message })
    lines.push({ name: job.name, sha512: result.sha512 })
    bytes += result.size
  })
  lines.sort((a, b) => comparePaths(a.name, b.name))
  return { files: lines.length, bytes, sha512: sha512(Buffer.from(lines.map((one) => `${one.sha512}  ${one.name}\n`).join(''))) }
}

/** What the medium says it carries; null when it is no bundle and no volume of one. */
export async function carriedOn(path: string): Promise<Carried | null> {
  const listing = await readRegular(join(path, 'volume.json'), LISTING_LIMIT).catch(() => undefined)
  if (listing) {
    const { bundle, volume, volumes, spares } = parseListing(listing)
    const { kind, name, version, sequence, sha512: digest } = bundle
    return { kind, name, version, sequence, sha512: digest, volume: { number: volume, of: volumes + spares } }
  }
  if (!(await stat(join(path, 'bundle.json')).catch(() => undefined))) return null
  const { bytes, digest } = await readStatementBytes(path)
  const { kind, name, version, sequence } = parseStatement(bytes)
  return { kind, name, version, sequence, sha512: digest, volume: null }
}
