import { createReadStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { fault } from '../../codes.ts'
import { clientFault, lastWords, runClient, type ClientResult } from '../client.ts'
import type { Item } from '../source.ts'

interface Surroundings {
  /** Address of the archive, with a trailing slash. */
  readonly origin: string
  readonly folder: string
  readonly env: NodeJS.ProcessEnv
  readonly signal: AbortSignal
}

/**
 * One file of an archive, by apt's own downloader, so that the machine's proxies, credentials and authorities apply.
 * An index is asked for by its hash first, as apt does, so that it is still found after the archive moved on.
 */
export async function download(item: Item, { origin, folder, env, signal }: Surroundings): Promise<Readable> {
  const byHash = item.attributes?.['byHash']
  let failed: ClientResult | undefined
  for (const path of [...(byHash === undefined ? [] : [byHash]), item.path]) {
    const uri = `${origin}${path.split('/').map(encodeURIComponent).join('/')}`
    const file = join(folder, `fetch-${crypto.randomUUID()}`)
    const digest = item.upstream === undefined ? [] : [item.upstream.replace('sha256:', 'SHA256:')]
    const result = await runClient('/usr/lib/apt/apt-helper', ['download-file', uri, file, ...digest], {
      env,
      signal,
      debian: 'apt',
    })
    if (result.ok) {
      const stream = createReadStream(file)
      stream.once('close', () => void rm(file, { force: true }))
      return stream
    }
    await rm(`${file}.FAILED`, { force: true })
    failed = result
  }
  throw downloadFault(item, failed ?? { ok: false, stdout: '', stderr: '' })
}

function downloadFault(item: Item, result: ClientResult): Error {
  const what = `apt: ${item.name} ${item.version} (${item.path})`
  if (/Hash Sum mismatch|unexpected size/i.test(result.stderr))
    return fault('E_UPSTREAM_CHANGED', `Debian’s archive now has other bytes for ${item.name} ${item.version}.`, {
      expected: item.upstream ?? 'the digest of the lock',
      found: /Hashes of received file:\s+- (\S+)/.exec(result.stderr)?.[1] ?? 'another digest',
      faults: [what],
    })
  if (/\b404\b/.test(result.stderr))
    return fault('E_UPSTREAM_MISSING', 'Debian’s archive no longer has a file of the lock.', { faults: [what] })
  return clientFault('apt-helper', result, () =>
    fault('E_UPSTREAM_UNREACHABLE', `apt could not download ${item.name} ${item.version}.`, {
      faults: [what, ...lastWords(result)],
    }),
  )
}
