import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { fault } from '../../codes.ts'
import type { Item } from '../source.ts'
import type { AptClient } from './client.ts'
import { listedDigest } from './stanza.ts'

/**
 * InRelease and Packages.xz of each suite, pinned as Debian signed them. apt has verified the InRelease it downloaded;
 * the digest of Packages.xz comes from it.
 */
export async function indexItems(client: AptClient, suites: readonly string[], architecture: string): Promise<Item[]> {
  const items: Item[] = []
  for (const suite of suites) {
    const listed = await client.run('apt-get', [
      'indextargets',
      '--format',
      '$(FILENAME)',
      'Identifier: Packages',
      `Release: ${suite}`,
    ])
    const packages = listed.stdout.split('\n')[0] ?? ''
    const inRelease = packages.replace(/_main_binary-[a-z0-9]+_Packages$/, '_InRelease')
    const text = await readFile(inRelease, 'utf8')
    const date = /^Date: (.*)$/m.exec(text)?.[1] ?? ''
    const file = `main/binary-${architecture}/Packages.xz`
    const digest = listedDigest(text, file)
    if (digest === undefined)
      throw fault('E_UPSTREAM_MISSING', `The signed index of ${suite} does not list ${file}.`, {
        faults: [`apt: ${suite} ${file}`],
      })
    const version = new Date(date).toISOString()
    const byHash = /^Acquire-By-Hash: yes$/m.test(text)
    items.push(
      {
        kind: 'apt',
        name: `${suite}/InRelease`,
        version,
        path: `dists/${suite}/InRelease`,
        upstream: `sha256:${createHash('sha256').update(text).digest('hex')}`,
        size: Buffer.byteLength(text),
        attributes: { suite, role: 'index' },
      },
      {
        kind: 'apt',
        name: `${suite}/Packages`,
        version,
        path: `dists/${suite}/${file}`,
        upstream: `sha256:${digest.sha256}`,
        size: digest.size,
        attributes: {
          suite,
          role: 'index',
          ...(byHash ? { byHash: `dists/${suite}/main/binary-${architecture}/by-hash/SHA256/${digest.sha256}` } : {}),
        },
      },
    )
  }
  return items
}
