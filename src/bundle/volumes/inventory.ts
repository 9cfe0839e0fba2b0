import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fault } from '../codes.ts'
import { validity } from '../decide.ts'
import { sha512 } from '../digest.ts'
import { readRegular } from '../io.ts'
import { judgeSignatures } from '../judge-signatures.ts'
import type { SigningKey, Role } from '../keys.ts'
import type { Policy } from '../policy.ts'
import { refuse } from '../reasons.ts'
import { readSignatures, signBytes, writeSignatures } from '../signature.ts'
import { KINDS, NAME, type Kind } from '../statement.ts'
import type { CarriedBundle } from './listing.ts'

/** What a site holds, for a low side that packs only what is new. One printable page of text, and nothing else in it. */
export interface Inventory {
  readonly site: string
  /** `2026-12-01T00:00:00Z` */
  readonly made: string
  readonly held: readonly CarriedBundle[]
}

export const INVENTORY_FILE = 'INVENTORY.TXT'
/** Who may speak for a site. */
const ROLES: readonly Role[] = ['site', 'accreditor']
/** Bundles on a page of 60 lines. */
const MOST = 12
const LIMIT = 8 << 10
const ENTRY = /^(\w+) ([a-z0-9-]+) ([A-Za-z0-9._+~-]{1,64}), sequence (\d{1,15})\n {2}((?:[0-9a-f]{8} ){7}[0-9a-f]{8})\n {2}((?:[0-9a-f]{8} ){7}[0-9a-f]{8})\n$/
const PAGE = /^SALLYPORT INVENTORY 1\nsite {2}([a-z0-9-]+)\nmade {2}(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)\nholds, each with the sha512 of its bundle\.json:\n([^]*)END\n$/

/** The newest of each kind and name. @throws E_INVENTORY when it would not go on one page */
export function writeInventory({ site, made, held }: Inventory): Buffer {
  const newest = new Map<string, CarriedBundle>()
  for (const bundle of held) {
    const key = `${bundle.kind} ${bundle.name}`
    if ((newest.get(key)?.sequence ?? 0) < bundle.sequence) newest.set(key, bundle)
  }
  if (newest.size > MOST) throw fault('E_INVENTORY', 'the inventory does not go on one page', { expected: `at most ${MOST} names`, found: String(newest.size), next: 'Say which are asked for: --name NAME' })
  const lines = [...newest.values()].map(({ kind, name, version, sequence, sha512: digest }) => {
    const groups = digest.match(/.{8}/g) ?? []
    return `${kind} ${name} ${version}, sequence ${sequence}\n  ${groups.slice(0, 8).join(' ')}\n  ${groups.slice(8).join(' ')}\n`
  })
  return Buffer.from(`SALLYPORT INVENTORY 1\nsite  ${site}\nmade  ${made}\nholds, each with the sha512 of its bundle.json:\n${lines.toSorted().join('')}END\n`)
}

/** @throws E_INVENTORY */
export function parseInventory(bytes: Buffer): Inventory {
  const [, site = '', made = '', body = ''] = PAGE.exec(bytes.toString('latin1')) ?? []
  const held = (body.match(/.*\n.*\n.*\n/g) ?? []).map((entry) => {
    const [, kind = '', name = '', version = '', sequence = '', first = '', second = ''] = ENTRY.exec(entry) ?? []
    return { kind: kind as Kind, name, version, sequence: Number(sequence), sha512: `${first} ${second}`.replaceAll(' ', '') }
  })
  const right = site !== '' && held.length <= MOST && held.every(({ kind, name }) => KINDS.includes(kind) && NAME.test(name))
  const inventory = { site, made, held }
  if (!right || !writeInventory(inventory).equals(bytes)) throw fault('E_INVENTORY', `${INVENTORY_FILE} is not an inventory of a site`, { expected: 'the page that sallyport inventory wrote, unchanged' })
  return inventory
}

/** Writes it to a new folder, with its signatures beside it. */
export async function signInventory(directory: string, bytes: Buffer, key: SigningKey): Promise<void> {
  await mkdir(directory, { recursive: true })
  await writeFile(join(directory, INVENTORY_FILE), bytes, { flag: 'wx' })
  await writeSignatures(directory, key.keyId, signBytes(bytes, key))
}

/**
 * An inventory that a person of the site signed. Nothing of it is parsed before both signatures of a key of the policy hold.
 * @throws E_INVENTORY, E_UNSIGNED, E_SIGNATURE_*, E_KEY_*, E_POLICY_*
 */
export async function readInventory(directory: string, { policy, now }: { readonly policy: Policy; readonly now: Date }): Promise<Inventory> {
  const what = `the inventory ${directory}`
  const bytes = await readRegular(join(directory, INVENTORY_FILE), LIMIT)
  if (!bytes) throw fault('E_INVENTORY', `there is no ${INVENTORY_FILE} in ${directory}`)
  const pairs = await readSignatures(directory)
  if (pairs.size === 0) refuse(what, [{ code: 'E_UNSIGNED', text: 'it is not signed' }])
  const { broken, discounted, signers } = judgeSignatures(policy, bytes, sha512(bytes), pairs)
  const counted = signers.filter(({ roles }) => roles.some((role) => ROLES.includes(role)))
  const idle = signers.map(({ keyId, person, roles }) => ({ code: 'E_KEY_ROLE', text: `key ${keyId} of ${person} may not speak for a site`, expected: ROLES.join(' or '), found: roles.join(', ') }) as const)
  refuse(what, [...broken, ...validity(policy, now), ...(counted.length === 0 ? [...discounted, ...idle] : [])])
  const inventory = parseInventory(bytes)
  if (inventory.site !== policy.payload.site) throw fault('E_INVENTORY', `${what} is of another site than the trust policy`, { expected: policy.payload.site, found: inventory.site })
  return inventory
}

/**
 * Holds releases that a set would build on against what the site says it has.
 * @throws E_DELTA_BASE with the release that the site does hold
 */
export function heldBySite(inventory: Inventory, bases: readonly CarriedBundle[]): void {
  const written = ({ kind, name, version, sequence, sha512: digest }: CarriedBundle) => `${kind} ${name} ${version}, sequence ${sequence}, sha512 ${digest}`
  for (const base of bases) {
    if (inventory.held.some(({ sha512: digest }) => digest === base.sha512)) continue
    const [right] = inventory.held.filter(({ kind, name }) => kind === base.kind && name === base.name)
    throw fault('E_DELTA_BASE', `site ${inventory.site} did not hold ${base.name} ${base.version} on ${inventory.made}`, {
      expected: right ? written(right) : `a ${base.kind} named ${base.name}: the site holds none`,
      found: written(base),
      next: right ? `Give ${right.name} ${right.version} with --since instead.` : 'Pack the whole bundle, without --since.',
    })
  }
}
