import { fault } from '../codes.ts'
import { covers, validity } from '../decide.ts'
import { judgeSignatures } from '../judge-signatures.ts'
import { sha512 } from '../digest.ts'
import type { Algorithm } from '../keys.ts'
import { LIMITS } from '../layout.ts'
import { LINE_ENDS_LIMIT, lineEndsOf } from '../line-ends.ts'
import type { Policy } from '../policy.ts'
import { refuse, type Reason } from '../reasons.ts'
import type { SignaturePair } from '../signature.ts'
import { VOLUME, VOLUME_LIMITS, isUnlistedOnVolume } from './layout.ts'
import { parseListing, type VolumeFile, type VolumeListing } from './listing.ts'
import { openMedium, readWhole, type Medium } from './medium.ts'

export interface OpenedVolume {
  readonly medium: Medium
  readonly listing: VolumeListing
  /** One line each: `Alice Example 4e5d122729c98651`. */
  readonly signers: readonly string[]
}

export interface VolumeTrust {
  readonly policy: Policy
  readonly now: Date
}

/**
 * The listing of a volume, signed by a key that may sign bundles of this name. Nothing is parsed before both signatures
 * of a key of the policy hold. Whether the bundle itself may come in is for its own signatures to say.
 * @throws E_VOLUME_ABSENT, E_UNSIGNED, E_SIGNATURE_*, E_KEY_*, E_POLICY_*, E_VOLUME_INVALID
 */
export async function openVolume(path: string, trust: VolumeTrust): Promise<OpenedVolume> {
  const medium = await openMedium(path)
  try {
    return { medium, ...(await signedListing(medium, '', trust)) }
  } catch (error) {
    await medium.close()
    throw error
  }
}

/** `folder`: '' or that of a member on a spare volume, ending with a slash. */
export async function signedListing(medium: Medium, folder: string, { policy, now }: VolumeTrust): Promise<Omit<OpenedVolume, 'medium'>> {
  const what = `the volume ${medium.name}`
  const bytes = await readWhole(medium, `${folder}${VOLUME.listing}`, VOLUME_LIMITS.listing)
  if (!bytes) throw fault('E_VOLUME_ABSENT', `there is no ${folder}${VOLUME.listing} in ${medium.name}`)
  const pairs = await signaturesOn(medium, folder)
  if (pairs.size === 0) refuse(what, [{ code: 'E_UNSIGNED', text: 'its listing is not signed' }])
  const findings = judgeSignatures(policy, bytes, sha512(bytes), pairs)
  const reasons: Reason[] = [...findings.broken, ...validity(policy, now)]
  if (findings.signers.length === 0) reasons.push(...findings.discounted)
  refuse(what, reasons)
  const listing = parseListing(bytes)
  const roles = Object.keys(policy.payload.thresholds.import)
  const counted = findings.signers.filter((key) => covers(key.names, listing.bundle.name) && key.roles.some((role) => roles.includes(role)))
  if (counted.length === 0) {
    refuse(what, findings.signers.map((key) => ({ code: 'E_KEY_NAME_PATTERN', text: `key ${key.keyId} of ${key.person} may not sign volumes of ${listing.bundle.name}` })))
  }
  return { listing, signers: counted.map(({ person, keyId }) => `${person} ${keyId}`) }
}

async function signaturesOn(medium: Medium, folder: string): Promise<Map<string, SignaturePair>> {
  const pairs = new Map<string, SignaturePair>()
  const prefix = `${folder}${VOLUME.signatures}/`
  const names = [...medium.files.keys()].filter((path) => path.startsWith(prefix)).toSorted()
  if (names.length > LIMITS.signatureFiles) throw fault('E_SIGNATURE_FILE', `${medium.name} has ${names.length} signature files`, { expected: `at most ${LIMITS.signatureFiles}` })
  for (const path of names) {
    const [, keyId, algorithm] = /^([0-9a-f]{16})\.(mldsa87|p384)\.sig$/.exec(path.slice(prefix.length)) ?? []
    if (keyId === undefined) throw fault('E_SIGNATURE_FILE', `${path} of ${medium.name} is not a signature file`)
    pairs.set(keyId, { ...pairs.get(keyId), [algorithm as Algorithm]: await readWhole(medium, path, LIMITS.signature) })
  }
  return pairs
}

/** A listed file, read as a whole and checked. @throws E_FILE_MISSING, E_FILE_ALTERED, E_TOO_LARGE */
export async function readListed({ medium, listing }: OpenedVolume, path: string, limit: number): Promise<Buffer> {
  const entry = listing.files.find((file) => file.path === path)
  const bytes = await readWhole(medium, path, limit)
  if (!entry || !bytes) throw fault('E_FILE_MISSING', `${path} is not on ${medium.name}${entry ? ', though it was when the volume was packed' : ''}`)
  const found = sha512(bytes)
  const ends = found === entry.sha512 ? undefined : lineEndsOf(bytes, (other) => sha512(other) === entry.sha512)
  if (found !== entry.sha512) throw fault('E_FILE_ALTERED', `${path} on ${medium.name} is not what was packed${ends ? `: ${ends}` : ''}`, { expected: `sha512 ${entry.sha512}`, found: `sha512 ${found}` })
  return bytes
}

const TAKEN = 'it was there when the volume was packed: a scanner or a desk took it away'

/** Files that were on the volume and are gone or have another length; a name may have lost its case on the way. */
export async function goneFrom({ medium, listing }: OpenedVolume): Promise<{ readonly path: string; readonly text: string }[]> {
  const gone = []
  for (const { path, size, sha512: digest } of [...listing.packs, ...listing.files] as readonly VolumeFile[]) {
    const found = medium.files.get(path)
    if (found === size) continue
    if (found === undefined) gone.push({ path, text: `${path} is missing; ${TAKEN}` })
    else gone.push({ path, text: `${path} has ${found} bytes instead of ${size}${await endsOn(medium, path, found, digest)}` })
  }
  return gone
}

async function endsOn(medium: Medium, path: string, size: number, digest: string): Promise<string> {
  if (size > LINE_ENDS_LIMIT) return ''
  const bytes = await readWhole(medium, path, LINE_ENDS_LIMIT).catch(() => undefined)
  const ends = bytes && lineEndsOf(bytes, (other) => sha512(other) === digest)
  return ends === undefined ? '' : `: ${ends}`
}

/** Files of the medium that no list names: they are never read. */
export function extraOn({ medium, listing }: OpenedVolume): string[] {
  const known = new Set([...listing.packs, ...listing.files].map(({ path }) => path))
  return [...[...medium.files.keys()].filter((path) => !known.has(path) && !isUnlistedOnVolume(path)), ...medium.others]
}
