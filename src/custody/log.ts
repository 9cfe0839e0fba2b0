import { constants } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { sha512 } from '../bundle/digest.ts'
import { readRegular } from '../bundle/io.ts'
import { ALGORITHMS, type Algorithm, type KeyPair, type SigningKey } from '../bundle/keys.ts'
import { personKey } from '../bundle/policy.ts'
import { signBytes, signatureHolds } from '../bundle/signature.ts'
import { syncDirectory } from '../bundle/store.ts'
import { fault } from './codes.ts'
import { parseEntry, serialiseEntry, type Entry } from './entry.ts'

/** A hundred thousand crossings. */
const LIMIT = 2 ** 31 - 1

interface Line {
  readonly entry: string
  readonly signatures: readonly { readonly keyId: string; readonly algorithm: Algorithm; readonly signature: string }[]
}

export interface Logged {
  readonly entry: Entry
  /** sha512 of the line: what the next one carries, and what goes on paper. */
  readonly digest: string
  readonly text: Buffer
  readonly signatures: Line['signatures']
}

export interface Log {
  readonly entries: readonly Logged[]
  /** Bytes up to the end of the last whole line: one that a power cut left unfinished is no entry. */
  readonly length: number
}

/** Reads a log and checks its chain; an absent file is an empty log. Signatures: `checkSignatures`. @throws E_CUSTODY_LOG */
export async function readLog(path: string): Promise<Log> {
  if (!(await stat(path).catch(() => undefined))) return { entries: [], length: 0 }
  const bytes = await readRegular(path, LIMIT)
  if (!bytes) throw fault('E_CUSTODY_LOG', `${path} is not a regular file`)
  const entries: Logged[] = []
  let from = 0
  for (let end = bytes.indexOf(0x0a); end !== -1; end = bytes.indexOf(0x0a, from)) {
    const line = bytes.subarray(from, end)
    const before = entries.at(-1)
    const logged = parsed(line, path, entries.length + 1)
    if (logged.entry.number !== entries.length + 1 || logged.entry.previous !== (before?.digest ?? null))
      throw fault('E_CUSTODY_LOG', `${path} is damaged at line ${entries.length + 1}`, {
        expected: `entry ${entries.length + 1} after ${before?.digest ?? 'none'}`,
        found: `entry ${logged.entry.number} after ${logged.entry.previous ?? 'none'}`,
      })
    entries.push(logged)
    from = end + 1
  }
  return { entries, length: from }
}

function parsed(line: Buffer, path: string, number: number): Logged {
  try {
    const { entry, signatures, ...more } = JSON.parse(line.toString('utf8')) as Line
    const text = Buffer.from(entry)
    const written = JSON.stringify({ entry, signatures: signatures.map(({ keyId, algorithm, signature }) => ({ keyId, algorithm, signature })) })
    if (Object.keys(more).length > 0 || !line.equals(Buffer.from(written))) throw new RangeError('it is not written as sallyport writes it')
    return { entry: parseEntry(text), digest: sha512(line), text, signatures }
  } catch (cause) {
    throw fault('E_CUSTODY_LOG', `${path} is damaged at line ${number}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

/** Appends a crossing that both sign; it is on the disk when this returns. @throws E_CUSTODY_LOG, E_CUSTODY_PERSONS */
export async function appendEntry(path: string, facts: Omit<Entry, 'number' | 'previous' | 'persons'>, hands: SigningKey, takes: SigningKey): Promise<Logged> {
  if (personKey(hands.person) === personKey(takes.person)) throw fault('E_CUSTODY_PERSONS', 'both keys are of one person', { expected: 'two persons', found: hands.person })
  const { entries, length } = await readLog(path)
  const { type, time, ...rest } = facts
  const text = serialiseEntry({
    type,
    number: entries.length + 1,
    previous: entries.at(-1)?.digest ?? null,
    time,
    ...rest,
    persons: [
      { keyId: hands.keyId, person: hands.person, part: 'hands over' },
      { keyId: takes.keyId, person: takes.person, part: 'takes' },
    ],
  })
  const signatures = [hands, takes].flatMap((key) => {
    const pair = signBytes(text, key)
    return ALGORITHMS.map((algorithm) => ({ keyId: key.keyId, algorithm, signature: pair[algorithm].toString('base64') }))
  })
  const line = Buffer.from(JSON.stringify({ entry: text.toString(), signatures } satisfies Line))
  const file = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
  try {
    await file.truncate(length)
    const whole = Buffer.concat([line, Buffer.from('\n')])
    await file.write(whole, 0, whole.length, length)
    await file.sync()
  } finally {
    await file.close()
  }
  await syncDirectory(dirname(path))
  return { entry: parseEntry(text), digest: sha512(line), text, signatures }
}

/** Every entry has both signatures of the two persons it names, by keys in `keys`. @throws E_CUSTODY_SIGNER, E_CUSTODY_LOG */
export function checkSignatures({ entries }: Log, keys: ReadonlyMap<string, { readonly person: string; readonly keys: KeyPair }>): void {
  for (const { entry, text, signatures } of entries) {
    const wanted = entry.persons.flatMap(({ keyId }) => ALGORITHMS.map((algorithm) => `${keyId} ${algorithm}`))
    const found = signatures.map(({ keyId, algorithm }) => `${keyId} ${algorithm}`)
    if (wanted.join() !== found.join()) throw fault('E_CUSTODY_LOG', `entry ${entry.number} is not signed by the two it names`, { expected: wanted.join(', '), found: found.join(', ') })
    for (const { keyId, person } of entry.persons) {
      const known = keys.get(keyId)
      if (!known || personKey(known.person) !== personKey(person)) throw fault('E_CUSTODY_SIGNER', `nobody vouches for key ${keyId} of ${person}, who signed entry ${entry.number}`, { found: known?.person ?? 'an unknown key' })
      for (const one of signatures.filter((signature) => signature.keyId === keyId))
        if (!signatureHolds(one.algorithm, text, known.keys[one.algorithm], Buffer.from(one.signature, 'base64')))
          throw fault('E_CUSTODY_LOG', `the ${one.algorithm} signature of ${person} under entry ${entry.number} does not hold`)
    }
    const [hands, takes] = entry.persons
    if (hands && takes && personKey(hands.person) === personKey(takes.person)) throw fault('E_CUSTODY_LOG', `entry ${entry.number} names one person twice`)
  }
}
