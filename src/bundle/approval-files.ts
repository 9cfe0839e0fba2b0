import { randomBytes } from 'node:crypto'
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { approvalId } from './approval.ts'
import { fault } from './codes.ts'
import { ioFault, readRegular } from './io.ts'
import { ALGORITHMS, type Algorithm, type SigningKey } from './keys.ts'
import { LAYOUT, LIMITS } from './layout.ts'
import { printable } from './printable.ts'
import { signBytes, type SignaturePair } from './signature.ts'
import { syncDirectory } from './store.ts'

/** The exact bytes of an approval, not yet parsed, and the signatures over them by key id. */
export interface SignedApproval {
  readonly id: string
  readonly bytes: Buffer
  readonly signatures: ReadonlyMap<string, SignaturePair>
}

const NAMES = 'approvals/<16 hex>.json and approvals/<16 hex>.<key id>.mldsa87.sig or .p384.sig, regular files'

/**
 * Every approval in approvals/, by id; none when the folder is absent. Nothing of them is parsed here.
 * @throws E_APPROVAL_FILE with everything that may not stand there, E_TOO_LARGE, E_FILE_UNREADABLE
 */
export async function readApprovals(directory: string): Promise<SignedApproval[]> {
  return approvalsIn(join(directory, LAYOUT.approvals))
}

/** Those of a bundle, and those that came apart from it in a folder of their own. @throws as `readApprovals` */
export async function readAllApprovals(directory: string, apart: string | undefined): Promise<SignedApproval[]> {
  const all = new Map<string, SignedApproval>()
  for (const one of [...(await readApprovals(directory)), ...(apart === undefined ? [] : await approvalsIn(apart))]) {
    const known = all.get(one.id)
    all.set(one.id, known ? { ...known, signatures: joined(one.signatures, known.signatures) } : one)
  }
  return [...all.values()]
}

/** By file: `later` wins. */
function joined(first: SignedApproval['signatures'], later: SignedApproval['signatures']): Map<string, SignaturePair> {
  const pairs = new Map(first)
  for (const [keyId, pair] of later) pairs.set(keyId, { ...pairs.get(keyId), ...pair })
  return pairs
}

async function approvalsIn(folder: string): Promise<SignedApproval[]> {
  let names: string[]
  try {
    names = (await readdir(folder)).sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw ioFault(error, `listing ${folder}`)
  }
  const faults: string[] = []
  if (names.length > LIMITS.approvalFiles) faults.push(`${names.length} files, at most ${LIMITS.approvalFiles} are read`)
  const documents = new Map<string, Buffer>()
  const signatures = new Map<string, Map<string, SignaturePair>>()
  for (const name of names.slice(0, LIMITS.approvalFiles)) {
    const [, id, keyId, algorithm] = /^([0-9a-f]{16})\.(?:json|([0-9a-f]{16})\.(mldsa87|p384)\.sig)$/.exec(name) ?? []
    const limit = keyId === undefined ? LIMITS.approval : LIMITS.signature
    const bytes = id === undefined ? undefined : await readRegular(join(folder, name), limit)
    if (id === undefined || bytes === undefined) faults.push(printable(`${LAYOUT.approvals}/${name}`))
    else if (keyId === undefined) documents.set(id, bytes)
    else {
      const keys = signatures.get(id) ?? new Map<string, SignaturePair>()
      signatures.set(id, keys.set(keyId, { ...keys.get(keyId), [algorithm as Algorithm]: bytes }))
    }
  }
  for (const id of signatures.keys()) if (!documents.has(id)) faults.push(`approvals/${id}.json is missing`)
  for (const [id, bytes] of documents) {
    if (!signatures.has(id)) faults.push(`approvals/${id}.json has no signature`)
    if (approvalId(bytes) !== id) faults.push(`approvals/${id}.json holds other bytes than its name says`)
  }
  if (faults.length > 0)
    throw fault('E_APPROVAL_FILE', 'approvals/ holds what is not an approval', { expected: NAMES, faults })
  return [...documents].map(([id, bytes]) => ({ id, bytes, signatures: signatures.get(id) ?? new Map() }))
}

/** Signs the bytes of an approval and writes both into `folder`, which may be that of a bundle; gives the file names. */
export async function writeApproval(folder: string, bytes: Uint8Array, key: SigningKey): Promise<string[]> {
  const id = approvalId(bytes)
  const pair = signBytes(bytes, key)
  // Signatures first: what a crash leaves is then refused, and never an approval that nobody signed.
  const files: [string, Uint8Array][] = ALGORITHMS.map((name) => [`${id}.${key.keyId}.${name}.sig`, pair[name]])
  files.push([`${id}.json`, bytes])
  try {
    await mkdir(folder, { recursive: true })
    for (const [name, content] of files) {
      const temporary = join(folder, `.${randomBytes(8).toString('hex')}.partial`)
      try {
        const handle = await open(temporary, 'wx', 0o644)
        await handle
          .writeFile(content)
          .then(() => handle.sync())
          .finally(() => handle.close())
        await rename(temporary, join(folder, name))
      } finally {
        await rm(temporary, { force: true })
      }
    }
    await syncDirectory(folder)
  } catch (error) {
    throw ioFault(error, `writing an approval to ${folder}`)
  }
  return files.map(([name]) => name)
}
