import { resolve } from 'node:path'
import { readStatementBytes } from '../bundle/bundle.ts'
import { Fault } from '../bundle/fault.ts'
import { readPublicKey } from '../bundle/keys.ts'
import { acceptPolicy, readPolicy, signPolicy } from '../bundle/policy-file.ts'
import { nextPayload, type PolicyChange } from '../bundle/policy-next.ts'
import type { FloorEntry, FloorException, Policy } from '../bundle/policy.ts'
import { KINDS, parseStatement, type Kind } from '../bundle/statement.ts'
import { fault } from './codes.ts'
import type { Command, Context, Values } from './command.ts'
import { personKeys, secretsOfSeveral } from './person-key.ts'
import { expiry, instant, parseThresholds, words, writeNew } from './policy-words.ts'

export const command: Command = {
  name: ['policy', 'next'],
  summary: 'write the next version of a trust policy: keys added, revoked or removed, thresholds, floor; signed by roots of both',
  options: {
    output: { type: 'string', short: 'o', value: 'FILE', required: true, summary: 'a file that is not there yet' },
    from: { type: 'string', value: 'FILE', required: true, summary: 'the trust policy in force' },
    'policy-digest': { type: 'string', value: 'HEX', summary: 'its sha512 on the card; another policy is refused' },
    root: { type: 'string', value: 'KEYDIR', multiple: true, required: true, summary: 'a root key of the old or the new version, with its private half; the others sign with policy sign' },
    add: { type: 'string', value: 'KEYDIR', multiple: true, summary: 'the public half of a new key, for the role it was made for' },
    names: { type: 'string', value: 'NAMES', summary: 'bundles the new keys may sign or approve, separated by commas; one * in a name' },
    revoke: { type: 'string', value: 'KEYID', multiple: true, summary: 'a key whose signatures count no more, but over what --keep names' },
    reason: { type: 'string', value: 'TEXT', summary: 'why, for people' },
    keep: { type: 'string', value: 'BUNDLE|HEX', multiple: true, summary: 'a bundle, or its digest, that stays valid though a revoked key signed it: what runs, and what may be gone back to' },
    remove: { type: 'string', value: 'KEYID', multiple: true, summary: 'a key to forget, with everything it signed' },
    threshold: { type: 'string', value: 'ACT=ROLE:N', multiple: true, summary: 'what an act asks for from now on (root, import, install, upgrade)' },
    floor: { type: 'string', value: 'NAME=N', multiple: true, summary: 'lowest sequence of a release that is taken; KIND/NAME=N for another kind' },
    except: { type: 'string', value: 'BUNDLE', multiple: true, summary: 'a bundle that may be below the floor, until --until' },
    until: { type: 'string', value: 'DATE', summary: 'end of what --except lets in' },
    ceiling: { type: 'string', value: 'LEVEL', summary: 'another highest marking' },
    categories: { type: 'string', value: 'LIST', summary: 'other categories the site may hold, separated by commas' },
    expires: { type: 'string', value: 'DATE', summary: 'the end of its validity (default: in a year)' },
    ...secretsOfSeveral('the root keys'),
  },
  example: 'sallyport policy next -o trust-policy-2.json --from trust-policy.json --root keys/root --revoke 8899aabbccddeeff --reason "token lost" --keep out/mesh-1.0.0',
  async run(context, values) {
    const path = resolve(context.cwd, values.need('output'))
    const current = await readPolicy(resolve(context.cwd, values.need('from')), { digest: values.text('policy-digest') })
    const payload = nextPayload(current, await changeOf(context, values, current))
    const roots = await personKeys(context, values, values.list('root'))
    const bytes = signPolicy(payload, roots)
    const missing = missingSignatures(bytes, current)
    await writeNew(path, bytes)
    reportPolicy(context, path, { bytes, missing })
  },
}

/** What is said of a policy that was written or signed. */
export function reportPolicy(context: Context, path: string, { bytes, missing }: { bytes: Buffer; missing: readonly string[] }): void {
  const file = JSON.parse(bytes.toString()) as { payload: string }
  const { version, site, expires } = JSON.parse(file.payload) as { version: number; site: string; expires: string }
  const policy = missing.length === 0 ? acceptPolicy(bytes).digest : null
  context.result({ path, site, version, sha512: policy, expires, missing }, () =>
    [
      `Version ${version} of the trust policy of site ${site} is in ${path}; valid until ${expires}.`,
      ...(missing.length === 0 ? [`Its sha512: ${policy}`, `Take it to the site: sallyport site policy ${path} --site DIR`] : ['It is not in force yet:', ...missing.map((text) => `  ${text}`), `Next: sallyport policy sign ${path} --from FILE --root KEYDIR`]),
    ].join('\n'),
  )
}

/** Which signatures are wanting; none when the site will take it. Any other fault of the policy is thrown. */
export function missingSignatures(bytes: Buffer, current: Policy): string[] {
  try {
    acceptPolicy(bytes, { current })
    return []
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    const codes = error.detail.codes ?? [error.code]
    if (codes.some((code) => code !== 'E_POLICY_SIGNATURES')) throw error
    return (error.detail.faults ?? [error.message]).map((text) => text.replace(/^E_[A-Z_]+: |^.* is refused: /, ''))
  }
}

async function changeOf(context: Context, values: Values, current: Policy): Promise<PolicyChange> {
  const now = new Date()
  const names = words(values.text('names'))
  const add = []
  for (const directory of values.list('add')) {
    const key = await readPublicKey(resolve(context.cwd, directory))
    if (key.role !== 'root' && names.length === 0) throw fault('E_USAGE', `nothing says what key ${key.keyId} may sign`, { expected: '--names with the names of bundles' })
    add.push({ key, names: key.role === 'root' ? [] : names })
  }
  for (const keyId of [...values.list('revoke'), ...values.list('remove')])
    if (!current.payload.keys.some((key) => key.keyId === keyId)) throw fault('E_USAGE', `the policy in force has no key ${keyId}`, { expected: current.payload.keys.map((key) => `${key.keyId} (${key.person})`).join(', '), found: keyId })
  const keeps = await Promise.all(values.list('keep').map((one) => digestOf(context, one)))
  const reason = values.text('reason')
  if (values.list('revoke').length + values.list('except').length > 0 && reason === undefined) throw fault('E_USAGE', 'a revocation or an exception has a reason', { expected: '--reason TEXT' })
  if (keeps.length > 0 && values.list('revoke').length === 0) throw fault('E_USAGE', '--keep belongs to --revoke: it says what stays valid')
  const levels = values.text('ceiling')
  const categories = values.text('categories')
  return {
    created: instant(now),
    expires: expiry(values.text('expires'), now),
    add,
    remove: values.list('remove'),
    revoke: values.list('revoke').map((keyId) => ({ keyId, reason: reason ?? '' })),
    keeps,
    thresholds: parseThresholds(values.list('threshold')),
    floor: values.list('floor').map(floorOf),
    exceptions: await Promise.all(values.list('except').map((one) => exceptionOf(context, values, one))),
    ceiling: { ...(levels === undefined ? {} : { level: levels }), ...(categories === undefined ? {} : { categories: words(categories) }) },
  }
}

async function digestOf(context: Context, text: string): Promise<string> {
  return /^[0-9a-f]{128}$/.test(text) ? text : (await readStatementBytes(resolve(context.cwd, text))).digest
}

function floorOf(text: string): FloorEntry {
  const [, kind = 'release', name = '', sequence = ''] = /^(?:([a-z]+)\/)?([a-z0-9-]+)=([1-9]\d{0,15})$/.exec(text) ?? []
  if (name === '' || !(KINDS as readonly string[]).includes(kind)) throw fault('E_USAGE', `the floor ${JSON.stringify(text)} cannot be read`, { expected: `NAME=N or KIND/NAME=N with a kind of ${KINDS.join(', ')}`, found: text })
  return { kind: kind as Kind, name, sequence: Number(sequence) }
}

/** By the name and kind that the bundle itself says: nothing of it is judged here, its digest binds it. */
async function exceptionOf(context: Context, values: Values, path: string): Promise<FloorException> {
  const until = values.text('until')
  if (until === undefined) throw fault('E_USAGE', 'an exception has an end', { expected: '--until DATE' })
  const { bytes, digest } = await readStatementBytes(resolve(context.cwd, path))
  const { kind, name } = parseStatement(bytes)
  return { kind, name, digest, expires: expiry(until, new Date()), reason: values.text('reason') ?? '' }
}
