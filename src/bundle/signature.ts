import { randomBytes, verify, type KeyObject } from 'node:crypto'
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fault } from './codes.ts'
import { ioFault, readRegular } from './io.ts'
import { ALGORITHMS, type Algorithm, type SigningKey } from './keys.ts'
import { LAYOUT, LIMITS } from './layout.ts'
import { printable } from './printable.ts'
import { syncDirectory } from './store.ts'

/** The signatures of one key over the same bytes; both are needed. */
export type SignaturePair = Partial<Record<Algorithm, Buffer>>

/** Nothing is written when one half cannot sign. */
export function signBytes(bytes: Uint8Array, signer: SigningKey): Record<Algorithm, Buffer> {
  return { mldsa87: signer.sign('mldsa87', bytes), p384: signer.sign('p384', bytes) }
}

export function signatureHolds(
  algorithm: Algorithm,
  bytes: Uint8Array,
  key: KeyObject,
  signature: Uint8Array,
): boolean {
  try {
    return verify(algorithm === 'mldsa87' ? null : 'sha384', bytes, key, signature)
  } catch {
    return false
  }
}

/** `signatures/<keyId>.<algorithm>.sig` */
function signatureFile(keyId: string, algorithm: Algorithm): string {
  return `${keyId}.${algorithm}.sig`
}

/** Adds, or replaces, the two signature files of one key. */
export async function writeSignatures(
  directory: string,
  keyId: string,
  pair: Record<Algorithm, Buffer>,
): Promise<void> {
  const folder = join(directory, LAYOUT.signatures)
  try {
    await mkdir(folder, { recursive: true })
    for (const algorithm of ALGORITHMS) {
      // In the parent folder, so that what a crash leaves is refused as extra and never taken for a signature.
      const temporary = join(directory, `.${randomBytes(8).toString('hex')}.partial`)
      try {
        const handle = await open(temporary, 'wx', 0o644)
        await handle
          .writeFile(pair[algorithm])
          .then(() => handle.sync())
          .finally(() => handle.close())
        await rename(temporary, join(folder, signatureFile(keyId, algorithm)))
      } finally {
        await rm(temporary, { force: true })
      }
    }
    await syncDirectory(folder)
  } catch (error) {
    throw ioFault(error, `writing signatures to ${folder}`)
  }
}

/**
 * Key id → signatures, of every file in signatures/; empty when the folder is absent.
 * @throws E_SIGNATURE_FILE with every name that may not stand there, E_FILE_UNREADABLE
 */
export async function readSignatures(directory: string): Promise<Map<string, SignaturePair>> {
  const folder = join(directory, LAYOUT.signatures)
  const pairs = new Map<string, SignaturePair>()
  let names: string[]
  try {
    names = (await readdir(folder)).sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return pairs
    throw ioFault(error, `listing ${folder}`)
  }
  const faults: string[] = []
  if (names.length > LIMITS.signatureFiles)
    faults.push(`${names.length} files, at most ${LIMITS.signatureFiles} are read`)
  for (const name of names.slice(0, LIMITS.signatureFiles)) {
    const [, keyId, algorithm] = /^([0-9a-f]{16})\.(mldsa87|p384)\.sig$/.exec(name) ?? []
    const bytes = keyId === undefined ? undefined : await readRegular(join(folder, name), LIMITS.signature)
    if (keyId === undefined || bytes === undefined) faults.push(printable(`${LAYOUT.signatures}/${name}`))
    else pairs.set(keyId, { ...pairs.get(keyId), [algorithm as Algorithm]: bytes })
  }
  if (faults.length > 0) {
    throw fault('E_SIGNATURE_FILE', 'signatures/ holds what is not a signature file', {
      expected: '<16 hex>.mldsa87.sig and <16 hex>.p384.sig, regular files',
      faults,
    })
  }
  return pairs
}
