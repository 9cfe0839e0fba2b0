import { resolve } from 'node:path'
import { readPublicKey, type PublicKey } from '../bundle/keys.ts'
import { draftPolicy } from '../bundle/policy-draft.ts'
import { acceptPolicy, signPolicy } from '../bundle/policy-file.ts'
import type { PolicyPayload } from '../bundle/policy.ts'
import { fault } from './codes.ts'
import type { Command, Values } from './command.ts'
import { personKeys, secretsOfSeveral } from './person-key.ts'
import { expiry, instant, needRole, parseThresholds, words, writeNew } from './policy-words.ts'

/** The label policy of the demo; a site with another names it, with its levels from the lowest to the highest. */
const LABEL_POLICY = 'urn:sallyport:label-policy:demo'
const LEVELS = 'UNCLASSIFIED,RESTRICTED,CONFIDENTIAL,SECRET,TOP SECRET'

export const command: Command = {
  name: ['policy', 'new'],
  summary: 'write and sign the first trust policy of a site',
  options: {
    output: { type: 'string', short: 'o', value: 'FILE', required: true, summary: 'a file that is not there yet' },
    site: { type: 'string', value: 'NAME', required: true, summary: 'the site whose decisions these are' },
    root: {
      type: 'string',
      value: 'KEYDIR',
      multiple: true,
      required: true,
      summary: 'a root key, with its private half; it signs the policy',
    },
    publisher: {
      type: 'string',
      value: 'KEYDIR',
      multiple: true,
      required: true,
      summary: 'the public half of a key that signs bundles',
    },
    accreditor: { type: 'string', value: 'KEYDIR', multiple: true, summary: "the public half of an accreditor's key" },
    names: {
      type: 'string',
      value: 'NAMES',
      required: true,
      summary: 'bundles these keys may sign, separated by commas; one * in a name',
    },
    threshold: {
      type: 'string',
      value: 'ACT=ROLE:N',
      multiple: true,
      summary: 'how many persons of a role an act asks for (root, import, install, upgrade)',
    },
    ceiling: {
      type: 'string',
      value: 'LEVEL',
      summary: 'the highest marking the site may hold (default: the lowest level)',
    },
    categories: { type: 'string', value: 'LIST', summary: 'categories the site may hold, separated by commas' },
    'label-policy': { type: 'string', value: 'URN', summary: `the label policy (default ${LABEL_POLICY})` },
    'label-policy-version': { type: 'string', value: 'VERSION', summary: 'its version (default 1)' },
    levels: { type: 'string', value: 'LIST', summary: `its levels, lowest first (default ${LEVELS})` },
    expires: {
      type: 'string',
      value: 'DATE',
      summary: 'the end of its validity, such as 2027-11-22 (default: in a year)',
    },
    ...secretsOfSeveral('the root keys'),
  },
  example:
    'sallyport policy new -o trust-policy.json --site demo --root keys/root --publisher keys/alice.public --names hello,mesh',
  async run(context, values) {
    const path = resolve(context.cwd, values.need('output'))
    const thresholds = parseThresholds(values.list('threshold'))
    const roots = await personKeys(context, values, values.list('root'))
    for (const root of roots) needRole(root, 'root')
    const names = words(values.need('names'))
    const keys = roots.map((key: PublicKey) => ({ key, names: [] as string[] }))
    for (const role of ['publisher', 'accreditor'] as const) {
      for (const directory of values.list(role)) {
        const key = await readPublicKey(resolve(context.cwd, directory))
        needRole(key, role)
        keys.push({ key, names })
      }
    }
    const now = new Date()
    const payload = draftPolicy({
      site: values.need('site'),
      created: instant(now),
      expires: expiry(values.text('expires'), now),
      keys,
      thresholds,
      ceiling: ceiling(values),
    })
    const bytes = signPolicy(payload, roots)
    const policy = acceptPolicy(bytes)
    await writeNew(path, bytes)
    context.result(
      { path, site: payload.site, version: payload.version, sha512: policy.digest, expires: payload.expires },
      () =>
        [
          `The trust policy of site ${payload.site}, version ${payload.version}, is in ${path}; valid until ${payload.expires}.`,
          `Its sha512, for the card: ${policy.digest}`,
        ].join('\n'),
    )
  },
}

function ceiling(values: Values): PolicyPayload['ceiling'] {
  const levels = words(values.text('levels') ?? LEVELS)
  const level = values.text('ceiling') ?? levels[0] ?? ''
  if (!levels.includes(level)) {
    throw fault('E_USAGE', `there is no level ${JSON.stringify(level)}`, { expected: levels.join(', '), found: level })
  }
  return {
    policy: values.text('label-policy') ?? LABEL_POLICY,
    policyVersion: values.text('label-policy-version') ?? '1',
    levels,
    level,
    categories: words(values.text('categories')),
  }
}
