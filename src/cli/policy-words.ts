import { open, rm } from 'node:fs/promises'
import { ioFault } from '../bundle/io.ts'
import { ROLES, type PublicKey, type Role } from '../bundle/keys.ts'
import { ACTS, type PolicyPayload } from '../bundle/policy.ts'
import { fault } from './codes.ts'

/** What the words of `policy new` and `policy next` mean. */

const YEAR = 365 * 86_400_000

export async function writeNew(path: string, bytes: Buffer): Promise<void> {
  let made = false
  try {
    const handle = await open(path, 'wx', 0o644)
    made = true
    await handle
      .writeFile(bytes)
      .then(() => handle.sync())
      .finally(() => handle.close())
  } catch (error) {
    if (made) await rm(path, { force: true })
    throw ioFault(error, `writing ${path}`)
  }
}

export function words(list: string | undefined): string[] {
  return (list ?? '')
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '')
}

export function instant(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`
}

export function expiry(text: string | undefined, now: Date): string {
  if (text === undefined) return instant(new Date(now.getTime() + YEAR))
  const date = new Date(text)
  if (Number.isNaN(date.getTime())) {
    throw fault('E_USAGE', 'the date of --expires cannot be read', {
      expected: 'a date such as 2027-11-22',
      found: text,
    })
  }
  return instant(date)
}

export function needRole(key: PublicKey, role: Role): void {
  if (key.role === role) return
  throw fault('E_USAGE', `key ${key.keyId} of ${key.person} was made for another role`, {
    expected: role,
    found: key.role,
  })
}

/** `import=publisher:2`; several of one act add up, so that an act may ask for persons of two roles. */
export function parseThresholds(list: readonly string[]): Partial<PolicyPayload['thresholds']> {
  const thresholds: Record<string, Record<string, number>> = {}
  for (const text of list) {
    const [, act = '', role = '', count = ''] = /^([a-z]+)=([a-z]+):([1-9]\d?)$/.exec(text) ?? []
    if (!['root', ...ACTS].includes(act) || !(ROLES as readonly string[]).includes(role)) {
      throw fault('E_USAGE', `the threshold ${JSON.stringify(text)} cannot be read`, {
        expected: `ACT=ROLE:N with an act of root, ${ACTS.join(', ')} and a role of ${ROLES.join(', ')}`,
        found: text,
      })
    }
    thresholds[act] = { ...thresholds[act], [role]: Number(count) }
  }
  return thresholds
}
