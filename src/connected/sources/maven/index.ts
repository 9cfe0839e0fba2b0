import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { fault } from '../../codes.ts'
import type { Item, Source, SourceContext } from '../source.ts'
import { inTurns } from '../turns.ts'
import { closureOf } from './project.ts'
import { centralRepository } from './repository.ts'
import { Upstream } from './upstream.ts'

interface Coordinates {
  readonly group: string
  readonly artifact: string
  readonly version: string
  readonly type: string
  readonly classifier?: string
}

/** `group:artifact:version[:type[:classifier]]`, as Maven's `dependency:get` takes it. */
function coordinates(item: string): Coordinates | undefined {
  const [group, artifact, version, type = 'jar', classifier, more] = item.split(':')
  if (!group || !artifact || !version || more !== undefined) return undefined
  return { group, artifact, version, type, ...(classifier === undefined ? {} : { classifier }) }
}

/** Maven 2 repository layout. */
function pathOf({ group, artifact, version, type, classifier }: Coordinates): string {
  const suffix = classifier === undefined ? '' : `-${classifier}`
  return `${group.replaceAll('.', '/')}/${artifact}/${version}/${artifact}-${version}${suffix}.${type}`
}

/** `<parent>` of a POM: without it a client cannot read the POM. */
function parentOf(pom: string): Coordinates | undefined {
  const parent = /<parent>([\s\S]*?)<\/parent>/.exec(pom.replaceAll(/<!--[\s\S]*?-->/g, ''))?.[1]
  const field = (name: string): string | undefined =>
    new RegExp(`<${name}>\\s*([^<]*?)\\s*</${name}>`).exec(parent ?? '')?.[1]
  const [group, artifact, version] = [field('groupId'), field('artifactId'), field('version')]
  return group && artifact && version ? { group, artifact, version, type: 'pom' } : undefined
}

const ALGORITHMS = ['sha512', 'sha256', 'sha1'] as const

/** A POM and a checksum are read into memory up to these sizes, in bytes. */
const POM_LIMIT = 4 << 20
const CHECKSUM_LIMIT = 4096

/**
 * Named artifacts from the machine's central repository over HTTPS, checked against the repository's checksum files.
 * A mirror also has each artifact's POM and its parents; the dependencies of artifacts that are named are not followed, those
 * of a pom.xml are, by Maven itself.
 */
export function mavenSource(context: SourceContext): Source {
  let upstream: Promise<Upstream> | undefined
  const repository = (): Promise<Upstream> => (upstream ??= centralRepository(context).then((found) => new Upstream(context, found)))

  /** The strongest checksum that the repository has beside the file; undefined when it has neither file nor checksum. */
  const checksum = async (path: string): Promise<string | undefined> => {
    for (const algorithm of ALGORITHMS) {
      const value = (await (await repository()).text(`${path}.${algorithm}`, CHECKSUM_LIMIT))?.trim().split(/\s+/)[0]
      if (value !== undefined && /^[0-9a-f]{40,128}$/i.test(value)) return `${algorithm}:${value.toLowerCase()}`
    }
    return undefined
  }

  const pin = async (wanted: Coordinates): Promise<Item | undefined> => {
    const path = pathOf(wanted)
    const upstream = await checksum(path)
    if (upstream === undefined) return undefined
    return { kind: 'maven', name: `${wanted.group}:${wanted.artifact}`, version: wanted.version, path, upstream }
  }

  const withPoms = async (named: readonly Coordinates[]): Promise<Coordinates[]> => {
    const byPath = new Map(named.map((one) => [pathOf(one), one]))
    for (const one of named) {
      let pom: Coordinates | undefined = { group: one.group, artifact: one.artifact, version: one.version, type: 'pom' }
      while (pom !== undefined && !byPath.has(pathOf(pom))) {
        const text: string | undefined = await (await repository()).text(pathOf(pom), POM_LIMIT)
        if (text === undefined) break
        byPath.set(pathOf(pom), pom)
        pom = parentOf(text)
      }
    }
    return [...byPath.values()]
  }

  return {
    kind: 'maven',
    async resolve({ items, purpose, list }) {
      const read = items.map((item) => ({ item, wanted: coordinates(item) }))
      const named = read.flatMap(({ wanted }) => (wanted === undefined ? [] : [wanted]))
      const all = purpose === 'mirror' ? await withPoms(named) : named
      const pinned = await inTurns(all, 4, pin)
      const missing = [
        ...read
          .filter(({ wanted }) => wanted === undefined)
          .map(({ item }) => `maven: ${item} is not group:artifact:version[:type[:classifier]]`),
        ...all.filter((_, index) => pinned[index] === undefined).map((one) => `maven: no ${pathOf(one)}`),
      ]
      if (missing.length > 0)
        throw fault('E_UPSTREAM_MISSING', 'The Maven repository does not have what the definition asks for.', {
          faults: missing,
        })
      const listed = list === undefined ? [] : await closureOf(context.locate(list.path), list.path, context)
      const byPath = new Map([...listed, ...pinned.filter((item) => item !== undefined)].map((item) => [item.path, item]))
      return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
    },
    async fetch(item) {
      const bytes = await (await repository()).bytes(item.path)
      if (bytes === undefined)
        throw fault('E_UPSTREAM_MISSING', 'The Maven repository no longer has a file of the lock.', {
          faults: [`maven: ${item.path}`],
        })
      return Readable.from(bytes, { objectMode: false })
    },
    async tree(items) {
      const files = items.map(({ path, sha256, sha512, size }) => ({ path, sha256, sha512, size }))
      for (const { path, sha256 } of items) {
        const sha1 = createHash('sha1')
        const sha512 = createHash('sha512')
        for await (const chunk of context.store.read(sha256)) {
          sha1.update(chunk as Buffer)
          sha512.update(chunk as Buffer)
        }
        // Maven 3 asks for sha1 first and cannot be told otherwise by a repository.
        files.push({ path: `${path}.sha1`, ...(await context.store.put(Buffer.from(sha1.digest('hex')))) })
        files.push({ path: `${path}.sha512`, ...(await context.store.put(Buffer.from(sha512.digest('hex')))) })
      }
      return files
    },
  }
}
