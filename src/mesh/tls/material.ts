import { readFileSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** What a service shows its peers, and whom it believes: paths of PEM files. */
export interface TlsFiles {
  /** PKCS#8, unencrypted, readable by the service's uid only. */
  readonly key: string
  /** Leaf first, then the chain. */
  readonly certificate: string
  /** The organisation's root certificates. */
  readonly ca: string
  /** Revocation lists, one for each authority of a chain, or an empty file: then nothing is looked up. */
  readonly crl?: string
}

/** The same read, in the names of Node's `tls`. */
export interface TlsMaterial {
  readonly key: string
  readonly cert: string
  readonly ca: string
  readonly crl?: string[]
}

/** Nobody looks at the files more often than this, however many connections are made. */
const LOOK_MS = 1000

/**
 * The files as they are now: looked at again for each new connection, read again when they changed. So a renewed
 * certificate or a new revocation list needs no restart. While a change cannot be read, the last whole set stays.
 */
export function tlsMaterial(files: TlsFiles): () => TlsMaterial {
  let known: { readonly state: string; readonly material: TlsMaterial } | undefined
  let looked = 0
  return () => {
    if (known !== undefined && Date.now() - looked < LOOK_MS) return known.material
    looked = Date.now()
    try {
      const here = generation(files)
      const state = stateOf(here)
      if (known?.state !== state) known = { state, material: read(here) }
    } catch (error) {
      if (known === undefined) throw error
    }
    return known.material
  }
}

/**
 * The folder is resolved once for all files: it is a link that is swapped by one rename, and key and certificate must
 * be of the same generation.
 */
function generation(files: TlsFiles): TlsFiles {
  const folders = new Map<string, string>()
  const resolved = (path: string): string => {
    const folder = dirname(path)
    const real = folders.get(folder) ?? realpathSync(folder)
    folders.set(folder, real)
    return join(real, basename(path))
  }
  return {
    key: resolved(files.key),
    certificate: resolved(files.certificate),
    ca: resolved(files.ca),
    ...(files.crl !== undefined && { crl: resolved(files.crl) }),
  }
}

function stateOf(files: TlsFiles): string {
  return Object.values(files)
    .map((path: string) => {
      const { ino, mtimeMs, size } = statSync(path)
      return `${path} ${ino} ${mtimeMs} ${size}`
    })
    .join('\n')
}

function read({ key, certificate, ca, crl }: TlsFiles): TlsMaterial {
  const text = (path: string): string => readFileSync(path, 'utf8')
  // Node takes one list a text.
  const lists = (crl === undefined ? '' : text(crl)).match(/-----BEGIN X509 CRL-----[^-]+-----END X509 CRL-----/g) ?? []
  return { key: text(key), cert: text(certificate), ca: text(ca), ...(lists.length > 0 && { crl: lists }) }
}
