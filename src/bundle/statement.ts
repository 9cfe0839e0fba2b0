import type { BlobRef } from './digest.ts'
import { fault } from './codes.ts'
import { LIMITS } from './layout.ts'
import { shown } from './printable.ts'
import {
  hex128,
  hex64,
  instant,
  integer,
  line,
  listOf,
  matching,
  nullOr,
  oneOf,
  recordOf,
  type Check,
} from './shape.ts'
import { parseStrict } from './strict-json.ts'

export const STATEMENT_TYPE = 'application/vnd.sallyport.bundle.v1+json'

export const KINDS = ['release', 'advisory', 'trust', 'content'] as const
/** Each kind of a name has a sequence of its own. */
export type Kind = (typeof KINDS)[number]

/** A structured label, never a banner string. */
export interface Marking {
  readonly policy: string
  readonly policyVersion: string
  readonly level: string
  readonly categories: readonly string[]
  readonly releasability: readonly string[]
}

export interface Target {
  readonly os: string
  readonly release: string
  readonly architecture: string
}

/** Sequences of an installed release of `name` from which this one may be reached, both ends included. */
export interface UpgradePath {
  readonly name: string
  readonly minSequence: number
  readonly maxSequence: number
}

export interface ImageEntry {
  readonly name: string
  /** `localhost/postgresql:1.0.0`: the annotation org.opencontainers.image.ref.name in index.json. */
  readonly reference: string
  readonly manifest: BlobRef
}

export interface MirrorEntry {
  readonly name: string
  readonly ecosystem: string
  /** A blob that holds TreeEntry[] (tree.ts). */
  readonly tree: BlobRef
}

export interface IacEntry {
  readonly name: string
  readonly kind: string
  readonly tree: BlobRef
}

export interface InstallerEntry {
  readonly path: string
  readonly sha512: string
  readonly size: number
}

/** What a person decides about a bundle; the writer adds the rest. */
export interface StatementFields {
  readonly kind: Kind
  readonly name: string
  readonly version: string
  readonly sequence: number
  /** From the lock, never the clock: `2026-11-22T00:00:00Z`. */
  readonly created: string
  readonly marking: Marking
  readonly targets: readonly Target[]
  readonly upgradesFrom: readonly UpgradePath[]
}

/** bundle.json, in this order of members. docs/format.md is its normative description. */
export interface Statement extends StatementFields {
  readonly type: typeof STATEMENT_TYPE
  readonly formatVersion: 1
  readonly critical: readonly string[]
  readonly sums: { readonly sha512: string; readonly size: number }
  /** A blob that holds BlobRef[]: every blob but itself, sorted by sha256. */
  readonly contents: BlobRef
  readonly images: readonly ImageEntry[]
  readonly mirrors: readonly MirrorEntry[]
  readonly iac: readonly IacEntry[]
  /** null in a bundle that carries no installer. */
  readonly installer: InstallerEntry | null
  /** Blobs that hold PlainEntry[] (tree.ts): the files under docs/ and evidence/. */
  readonly docs: { readonly tree: BlobRef }
  readonly evidence: { readonly tree: BlobRef }
}

/** Names that `critical` may hold: extensions this reader understands. Format 1 has none. */
const UNDERSTOOD: readonly string[] = []

export const NAME = /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/
const name = matching(NAME, 'a name of a-z, 0-9 and "-", 1 to 64 long')
const word = matching(/^[A-Za-z0-9][A-Za-z0-9._+~-]{0,63}$/, 'a word of letters, digits and ._+~-')
const reference = matching(
  /^[a-z0-9]+(?:[._:/-]+[a-z0-9]+)*(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?$/,
  'an image reference such as localhost/postgresql:1.0.0',
)

export const blobRef: Check = recordOf({ sha256: hex64, sha512: hex128, size: integer(0) })

const marking: Check = recordOf({
  policy: matching(/^urn:[a-z0-9][a-z0-9-]{1,31}:[!-~]{1,200}$/, 'a URN of the label policy'),
  policyVersion: word,
  level: line,
  categories: listOf(line, 256, (item: string) => item),
  releasability: listOf(line, 256, (item: string) => item),
})

const byName = (item: { name: string }) => item.name

const upgradePath: Check = (value, place, faults) => {
  const before = faults.length
  recordOf({ name, minSequence: integer(0), maxSequence: integer(0) })(value, place, faults)
  const path = value as UpgradePath
  if (faults.length === before && path.minSequence > path.maxSequence) {
    faults.push(`${place}: minSequence ${path.minSequence} is above maxSequence ${path.maxSequence}`)
  }
}

const FIELDS: Readonly<Record<keyof StatementFields, Check>> = {
  kind: oneOf(...KINDS),
  name,
  version: word,
  sequence: integer(1),
  created: instant,
  marking,
  targets: listOf(recordOf({ os: word, release: word, architecture: word }), 64),
  upgradesFrom: listOf(upgradePath, 64),
}

const MEMBERS: Readonly<Record<keyof Statement, Check>> = {
  type: oneOf(STATEMENT_TYPE),
  formatVersion: oneOf(1),
  critical: listOf(line, 64, (item: string) => item),
  ...FIELDS,
  sums: recordOf({ sha512: hex128, size: integer(0, LIMITS.sums) }),
  contents: blobRef,
  images: listOf(recordOf({ name, reference, manifest: blobRef }), 1024, byName),
  mirrors: listOf(recordOf({ name, ecosystem: name, tree: blobRef }), 256, byName),
  iac: listOf(recordOf({ name, kind: name, tree: blobRef }), 256, byName),
  installer: nullOr(recordOf({ path: oneOf('sallyport'), sha512: hex128, size: integer(1) })),
  docs: recordOf({ tree: blobRef }),
  evidence: recordOf({ tree: blobRef }),
}

/** Every fault of fields that a definition gives, one line each; empty when they are valid. */
export function fieldFaults(fields: unknown): string[] {
  const faults: string[] = []
  recordOf(FIELDS, { open: true })(fields, '', faults)
  return faults
}

/**
 * The statement in the exact bytes of a bundle.json whose signature was checked before. Envelope first: another type,
 * a later format or an unknown critical name is said as such, since nothing more of it can be judged.
 * @throws E_JSON_STRICT, E_FORMAT_UNKNOWN, E_CRITICAL_UNKNOWN, E_STATEMENT_INVALID
 */
export function parseStatement(bytes: Uint8Array): Statement {
  const value = parseStrict(bytes, { what: 'bundle.json', limit: LIMITS.statement })
  const envelope = (typeof value === 'object' && value !== null ? value : {}) as Partial<Statement>
  if (envelope.type !== STATEMENT_TYPE || envelope.formatVersion !== 1) {
    throw fault('E_FORMAT_UNKNOWN', 'bundle.json is of a type or format version that this program does not know', {
      expected: `type ${STATEMENT_TYPE}, formatVersion 1`,
      found: `type ${shown(envelope.type)}, formatVersion ${shown(envelope.formatVersion)}`,
    })
  }
  const unknown = Array.isArray(envelope.critical) ? envelope.critical.filter((item) => !UNDERSTOOD.includes(item)) : []
  if (unknown.length > 0) {
    throw fault('E_CRITICAL_UNKNOWN', 'bundle.json has critical members that this program does not understand', {
      expected: UNDERSTOOD.length === 0 ? 'none' : UNDERSTOOD.join(', '),
      found: unknown.map(shown).join(', '),
    })
  }
  const faults: string[] = []
  recordOf(MEMBERS, { open: true })(value, '', faults)
  if (faults.length > 0) throw fault('E_STATEMENT_INVALID', 'bundle.json is not a valid statement', { faults })
  return value as Statement
}
