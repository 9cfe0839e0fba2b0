import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { readApprovals, writeApproval } from '../bundle/approval-files.ts'
import { approvalId, parseApproval, serialiseApproval, type Approval } from '../bundle/approval.ts'
import { LAYOUT } from '../bundle/layout.ts'
import { readPolicy } from '../bundle/policy-file.ts'
import type { Policy } from '../bundle/policy.ts'
import { verifyBundle } from '../bundle/verify.ts'
import { parsePlan, planDigest, type Plan } from '../enclave/plan/plan.ts'
import { describePlan } from '../enclave/station/describe.ts'
import { fault } from './codes.ts'
import type { Command, Values } from './command.ts'
import { SECRETS, personKey } from './person-key.ts'

const DEFAULT_DAYS = '14'

export const command: Command = {
  name: ['approve'],
  endsItself: true,
  summary: 'an accreditor countersigns: this bundle, on this site, by this plan, until a date',
  positionals: ['BUNDLE'],
  options: {
    policy: { type: 'string', value: 'FILE', required: true, summary: 'the trust policy of the site' },
    'policy-digest': { type: 'string', value: 'HEX', summary: 'its sha512 on the card; another policy is refused' },
    plan: { type: 'string', value: 'FILE', summary: 'the plan to approve, which sallyport plan -o wrote; without it, the import' },
    countersign: { type: 'string', value: 'ID', summary: 'sign an approval that is in the bundle already, word for word' },
    condition: { type: 'string', value: 'TEXT', multiple: true, summary: 'a condition, for people to keep; may be given several times' },
    days: { type: 'string', value: 'N', summary: `how long it holds (default ${DEFAULT_DAYS})` },
    key: { type: 'string', value: 'DIR', required: true, summary: 'the key folder that keys new made, or a PKCS#11 URI with x-key-folder' },
    ...SECRETS,
    output: { type: 'string', short: 'o', value: 'DIR', summary: 'write the approval there, to be copied into approvals/ (default: into the bundle)' },
  },
  example: 'sallyport approve out/mesh-1.0.0 --policy out/trust-policy.json --plan plan.json --key keys/olga',
  async run(context, values, [directory = '']) {
    const folder = resolve(context.cwd, directory)
    const policy = await readPolicy(resolve(context.cwd, values.need('policy')), { digest: values.text('policy-digest') })
    const planFile = values.text('plan')
    const plan = planFile === undefined ? undefined : parsePlan(await readFile(resolve(context.cwd, planFile), 'utf8'), planFile)
    if (plan?.kind === 'rollback') throw fault('E_USAGE', 'going back needs no approval: the release was approved before', { expected: 'a plan to install or upgrade', found: 'a rollback' })
    const act = plan?.kind ?? 'import'
    const now = new Date()
    let bytes: Buffer | undefined
    await context.tasks([
      {
        title: `verify ${directory}`,
        async run(onProgress) {
          const bundle = await verifyBundle(folder, { policy, act, now, approving: 'later', onProgress, signal: context.signal })
          if (plan && plan.release.digest !== bundle.digest)
            throw fault('E_USAGE', 'the plan is for another bundle', { expected: `sha512 ${bundle.digest}`, found: `sha512 ${plan.release.digest}` })
          const id = values.text('countersign')
          bytes = id === undefined ? made(values, policy, bundle.digest, plan, now) : await existing(folder, id, plan)
        },
      },
    ])
    if (!bytes) return
    const approval = parseApproval(bytes)
    if (plan) context.say(describePlan(plan))
    context.say(describe(approval))
    const path = values.need('key')
    const key = await personKey(context, values, path)
    const entry = policy.payload.keys.find((one) => one.keyId === key.keyId)
    if (!entry?.roles.includes('accreditor')) throw fault('E_USAGE', `${path} is not the key of an accreditor of this site`, { expected: 'a key with the role accreditor in the trust policy', found: entry?.roles.join(', ') ?? 'a key it does not hold' })
    const output = values.text('output')
    const target = output === undefined ? join(folder, LAYOUT.approvals) : resolve(context.cwd, output)
    const files = await writeApproval(target, bytes, key)
    const id = approvalId(bytes)
    context.result({ id, ...approval, keyId: key.keyId, person: key.person, files }, () =>
      [`${key.person} (key ${key.keyId}) approved it: approval ${id}, until ${approval.expires}`, ...files.map((name) => `  ${join(target, name)}`)].join('\n'),
    )
  },
}

function made(values: Values, policy: Policy, bundle: string, plan: Plan | undefined, now: Date): Buffer {
  const days = Number(values.text('days') ?? DEFAULT_DAYS)
  if (!Number.isInteger(days) || days < 1 || days > 3650) throw fault('E_USAGE', '--days is no number of days', { expected: '1 to 3650', found: String(values.text('days')) })
  const instant = (at: Date) => `${at.toISOString().slice(0, 19)}Z`
  return serialiseApproval({
    bundle,
    site: plan?.site.name ?? policy.payload.site,
    act: plan ? (plan.kind === 'upgrade' ? 'upgrade' : 'install') : 'import',
    siteDigest: plan?.site.sha512 ?? null,
    planDigest: plan ? planDigest(plan) : null,
    conditions: values.list('condition'),
    created: instant(now),
    expires: instant(new Date(now.getTime() + days * 86_400_000)),
  })
}

/** The bytes of an approval that another accreditor wrote: the same words are signed, so that both count for one approval. */
async function existing(directory: string, id: string, plan: Plan | undefined): Promise<Buffer> {
  const found = (await readApprovals(directory)).find((one) => one.id === id)
  if (!found) throw fault('E_USAGE', `the bundle holds no approval ${id}`, { expected: 'an id that verify or approve printed', found: id })
  const { planDigest: named } = parseApproval(found.bytes)
  const shown = plan ? planDigest(plan) : null
  if (named !== shown) throw fault('E_USAGE', `approval ${id} is for another plan than the one given`, { expected: named ?? 'no plan', found: shown ?? 'no plan' })
  return found.bytes
}

function describe({ act, site, bundle, siteDigest, planDigest: plan, conditions, created, expires }: Approval): string {
  return [
    `To be approved: ${act} on site ${site}, from ${created} until ${expires}`,
    `  sha512 of bundle.json ${bundle}`,
    ...(siteDigest === null ? [] : [`  sha512 of site.yaml   ${siteDigest}`]),
    ...(plan === null ? [] : [`  sha512 of the plan    ${plan}`]),
    ...conditions.map((text) => `  on condition: ${text}`),
  ].join('\n')
}
