import { join } from 'node:path'
import type { Bundle } from './bundle.ts'
import { sha512 } from './digest.ts'
import { Fault } from './fault.ts'
import { hashFiles, type PoolOptions } from './hash-pool.ts'
import type { HashResult } from './hash-worker.ts'
import { readRegular } from './io.ts'
import { LAYOUT, LIMITS } from './layout.ts'
import { LINE_ENDS_LIMIT, lineEndsOf } from './line-ends.ts'
import { comparePaths } from './path.ts'
import { refuse, type Reason } from './reasons.ts'
import type { Sums } from './sums.ts'

/**
 * Hashes every listed file on several threads and names each that is not what was signed.
 * @throws E_FILE_ALTERED, E_FILE_TRUNCATED, E_FILE_GROWN, E_FILE_SWAPPED, E_FILE_MISSING, E_FILE_KIND,
 *   E_FILE_UNREADABLE, E_CONTENTS_MISMATCH
 */
export async function checkBytes(bundle: Bundle, options: PoolOptions): Promise<void> {
  const plain = await plainSizes(bundle)
  let limit: number = LIMITS.unboundFile
  for (const size of [...plain.values(), ...Array.from(bundle.blobs(), (blob) => blob.size)]) limit = Math.max(limit, size)
  const jobs = [...bundle.sums].map(([listed, digest]) => ({
    listed,
    digest,
    path: join(bundle.directory, listed),
    size: bundle.listing.files.get(listed) ?? 0,
    // No further than the largest file that may stand here under another name: a medium may give bytes for ever.
    limit,
  }))
  const folder = `${LAYOUT.blobs}/`
  const sizeOf = (path: string) =>
    path.startsWith(folder) ? bundle.blob(path.slice(folder.length))?.size : plain.get(path)
  const reasons: Reason[] = []
  await hashFiles(jobs, options, async ({ job, result }) => {
    const reason = judge(job.listed, result, job.digest, sizeOf(job.listed), bundle.sums)
    if (!reason) return
    const ends = result.error || result.size > LINE_ENDS_LIMIT ? undefined : await endsOf(job.path, job.digest)
    reasons.push(ends === undefined ? reason : { ...reason, text: `${reason.text}: ${ends}` })
  })
  refuse(
    `the bundle ${bundle.directory}`,
    reasons.toSorted((a, b) => comparePaths(a.text, b.text)),
  )
}

async function endsOf(path: string, digest: string): Promise<string | undefined> {
  const bytes = await readRegular(path, LINE_ENDS_LIMIT).catch(() => undefined)
  return bytes && lineEndsOf(bytes, (other) => sha512(other) === digest)
}

/** Sizes that the signature binds, of files that are no blobs: the installer, and what is under docs/ and evidence/. */
async function plainSizes(bundle: Bundle): Promise<Map<string, number>> {
  const { statement } = bundle
  const sizes = new Map<string, number>()
  if (statement.installer) sizes.set(statement.installer.path, statement.installer.size)
  for (const folder of [LAYOUT.docs, LAYOUT.evidence] as const) {
    try {
      for (const entry of await bundle.plain(statement[folder].tree)) sizes.set(`${folder}/${entry.path}`, entry.size)
    } catch (error) {
      // A damaged tree is among the results as a damaged blob; its files are then judged without their size.
      if (!(error instanceof Fault)) throw error
    }
  }
  return sizes
}

function judge(
  path: string,
  result: HashResult,
  digest: string,
  size: number | undefined,
  sums: Sums,
): Reason | undefined {
  if (result.error) return unreadable(path, result.error)
  if (result.sha512 === digest) {
    if (size === undefined || size === result.size) return undefined
    const text = `${path} has the signed digest but not the signed size`
    return { code: 'E_CONTENTS_MISMATCH', text, expected: `${size} bytes`, found: `${result.size} bytes` }
  }
  const owner = [...sums].find(([, other]) => other === result.sha512)?.[0]
  const expected = `sha512 ${digest}${size === undefined ? '' : `, ${size} bytes`}`
  const found = `sha512 ${result.sha512}, ${result.size} bytes`
  if (owner !== undefined)
    return { code: 'E_FILE_SWAPPED', text: `${path} holds the content of ${owner}`, expected, found }
  if (result.size === 0 || (size !== undefined && result.size < size)) {
    return { code: 'E_FILE_TRUNCATED', text: `${path} is shorter than it should be`, expected, found }
  }
  if (size !== undefined && result.size > size) {
    return { code: 'E_FILE_GROWN', text: `${path} is longer than it should be`, expected, found }
  }
  return { code: 'E_FILE_ALTERED', text: `${path} is not what was signed`, expected, found }
}

function unreadable(path: string, error: NonNullable<HashResult['error']>): Reason {
  const { code, message } = error
  if (code === 'ENOENT') return { code: 'E_FILE_MISSING', text: `${path} is missing` }
  if (code === 'ELOOP' || code === 'ENOTFILE') return { code: 'E_FILE_KIND', text: `${path} is not a regular file` }
  return { code: 'E_FILE_UNREADABLE', text: `${path} could not be read`, found: message }
}
