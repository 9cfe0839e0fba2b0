import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { list } from 'tar'
import { fault } from '../../codes.ts'
import { clientFault, lastWords, runClient, type ClientResult } from '../client.ts'
import type { Item, Source, SourceContext } from '../source.ts'
import { checkLayer } from './layers.ts'

interface Descriptor {
  readonly digest: string
  readonly size: number
  readonly mediaType?: string
}

interface Manifest {
  readonly mediaType?: string
  readonly config: Descriptor
  readonly layers: readonly Descriptor[]
}

const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json'

/**
 * Images made elsewhere, byte for byte: the manifest's digest stays what it was. skopeo reads registries, OCI layouts
 * and archives with the machine's own registry settings, credentials and signature policy. Of a multi-platform image
 * the target's manifest is taken. Items: `layout:DIR[:TAG]`, `archive:FILE`, `registry:REFERENCE`.
 */
export function ociSource(context: SourceContext): Source {
  const folder = join(context.scratch, 'oci')
  const copies = new Map<string, Promise<string>>()

  const copy = async (reference: string, what: string): Promise<string> => {
    const into = join(folder, crypto.randomUUID())
    await mkdir(folder, { recursive: true })
    const platform = ['--override-os', 'linux', '--override-arch', context.target.architecture]
    const result = await runClient(
      'skopeo',
      // dir: keeps a manifest of any format as it is; oci: would refuse Docker's.
      [...platform, 'copy', '--quiet', '--preserve-digests', reference, `dir:${into}`],
      { env: context.env, signal: context.signal, debian: 'skopeo', cwd: folder },
    )
    if (!result.ok) throw copyFault(what, result)
    return into
  }

  /** The folder skopeo copied an item to, once a build. `digest` pins a registry reference to a manifest. */
  const copied = async (item: string, digest?: string): Promise<string> => {
    const reference = await referenceOf(item, context, digest)
    const known = copies.get(reference)
    if (known !== undefined) return known
    const made = copy(reference, item)
    copies.set(reference, made)
    return made
  }

  return {
    kind: 'oci',
    async resolve({ items: wanted }) {
      const pinned: Item[] = []
      const missing: string[] = []
      for (const item of wanted) {
        const place = await copied(item).catch((error: unknown) => {
          if (error instanceof Error && 'code' in error && error.code === 'E_UPSTREAM_MISSING')
            missing.push(`oci: no ${item}`)
          else throw error
        })
        if (place === undefined) continue
        const items = await pin(place)
        for (const { upstream, attributes } of items) if (attributes?.['role'] === 'layer') await checkLayer(join(place, hexOf(upstream ?? '')))
        pinned.push(...items)
      }
      if (missing.length > 0)
        throw fault('E_UPSTREAM_MISSING', 'An image that the definition names is not there.', { faults: missing })
      return [...new Map(pinned.map((item) => [item.path, item])).values()].sort((a, b) => (a.path < b.path ? -1 : 1))
    },
    async fetch(item, request) {
      const manifest = item.attributes?.['manifest']
      for (const wanted of request.items) {
        const place = await copied(wanted, manifest)
        const file = item.attributes?.['role'] === 'manifest' ? 'manifest.json' : hexOf(item.upstream ?? '')
        if (existsSync(join(place, file))) return createReadStream(join(place, file), { signal: context.signal })
      }
      throw fault('E_UPSTREAM_MISSING', 'An image no longer has a blob of the lock.', { faults: [`oci: ${item.path}`] })
    },
    async tree(items) {
      return items.map(({ path, sha256, sha512, size }) => ({ path, sha256, sha512, size }))
    },
  }
}

const hexOf = (digest: string): string => digest.slice(digest.indexOf(':') + 1)

async function referenceOf(item: string, context: SourceContext, digest: string | undefined): Promise<string> {
  const kind = item.slice(0, item.indexOf(':'))
  const rest = item.slice(kind.length + 1)
  if (kind === 'registry') return digest === undefined ? `docker://${rest}` : `docker://${untagged(rest)}@${digest}`
  if (kind === 'layout') {
    const [folder = '', ...tag] = rest.split(':')
    return ['oci', context.locate(folder), ...tag].join(':')
  }
  const file = context.locate(rest)
  if (!existsSync(file))
    throw fault('E_UPSTREAM_MISSING', 'An image archive is not there.', { faults: [`oci: no ${rest}`] })
  let layout = false
  await list({ file, onReadEntry: (entry) => void (layout ||= /^(?:\.\/)?oci-layout$/.test(entry.path)) })
  return `${layout ? 'oci-archive' : 'docker-archive'}:${file}`
}

/** A reference without tag and digest; the colon of a port stays. */
function untagged(reference: string): string {
  const plain = reference.split('@')[0] ?? ''
  const slash = plain.lastIndexOf('/')
  const colon = plain.lastIndexOf(':')
  return colon > slash ? plain.slice(0, colon) : plain
}

async function pin(place: string): Promise<Item[]> {
  const bytes = await readFile(join(place, 'manifest.json'))
  const manifest = JSON.parse(bytes.toString('utf8')) as Manifest
  const own: Descriptor = {
    digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`,
    size: bytes.byteLength,
  }
  const item = ({ digest, size }: Descriptor, attributes: Record<string, string>): Item => ({
    kind: 'oci',
    name: digest.slice(0, 'sha256:'.length + 12),
    version: own.digest,
    // Two images may share a blob and yet be fetched from different places.
    path: `${hexOf(own.digest)}/blobs/sha256/${hexOf(digest)}`,
    upstream: digest,
    size,
    attributes: { manifest: own.digest, ...attributes },
  })
  return [
    item(own, { role: 'manifest', mediaType: manifest.mediaType ?? OCI_MANIFEST }),
    item(manifest.config, { role: 'config' }),
    ...manifest.layers.map((layer) => item(layer, { role: 'layer' })),
  ]
}

function copyFault(what: string, result: ClientResult): Error {
  const words = result.stderr
  if (
    /manifest unknown|name unknown|not found|no such file|no descriptor found|does not exist|repository name not known/i.test(
      words,
    )
  )
    return fault('E_UPSTREAM_MISSING', `The image ${what} is not there.`, {
      faults: [`oci: ${what}`, ...lastWords(result, 2)],
    })
  if (/digest did not match|does not match|corrupt|unexpected (?:EOF|digest)/i.test(words))
    return fault('E_UPSTREAM_CHANGED', `The bytes of the image ${what} are not what its digests say.`, {
      faults: lastWords(result, 2),
    })
  if (/signature|Source image rejected/i.test(words))
    return fault('E_UPSTREAM_SIGNATURE', `The signature policy of this machine refuses the image ${what}.`, {
      faults: lastWords(result, 2),
    })
  return clientFault('skopeo', result, () =>
    fault('E_UPSTREAM_UNREACHABLE', `skopeo could not copy ${what}.`, { faults: lastWords(result, 4) }),
  )
}
