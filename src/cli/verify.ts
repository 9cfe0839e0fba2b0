import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Bundle } from '../bundle/bundle.ts'
import { readPolicy } from '../bundle/policy-file.ts'
import { ACTS, type Act, type Policy } from '../bundle/policy.ts'
import { verifyBundle } from '../bundle/verify.ts'
import type { OpenedVolume } from '../bundle/volumes/open.ts'
import { verifyVolume } from '../bundle/volumes/verify.ts'
import { fault } from './codes.ts'
import type { Command } from './command.ts'

export const command: Command = {
  name: ['verify'],
  endsItself: true,
  summary: 'check signatures, the decision of the trust policy, and every byte of a bundle or of one volume; writes nothing',
  positionals: ['BUNDLE'],
  options: {
    policy: { type: 'string', value: 'FILE', required: true, summary: 'the trust policy of the site' },
    'policy-digest': { type: 'string', value: 'HEX', summary: 'its sha512 on the card; another policy is refused' },
    for: { type: 'string', value: 'ACT', summary: `what is to be done with it: ${ACTS.join(', ')} (default import)` },
  },
  example: 'sallyport verify out/mesh-1.0.0 --policy out/trust-policy.json --for install',
  async run(context, values, [directory = '']) {
    const act = values.text('for') ?? 'import'
    if (!(ACTS as readonly string[]).includes(act)) {
      throw fault('E_USAGE', `there is no act ${JSON.stringify(act)}`, { expected: ACTS.join(', '), found: act })
    }
    const digest = values.text('policy-digest')
    const policy = await readPolicy(resolve(context.cwd, values.need('policy')), { digest })
    if (await isVolume(resolve(context.cwd, directory))) {
      await volumeReport(context, directory, policy)
      return
    }
    const started = performance.now()
    let bundle: Bundle | undefined
    await context.tasks([
      {
        title: `verify ${directory}`,
        async run(onProgress) {
          bundle = await verifyBundle(resolve(context.cwd, directory), {
            policy,
            act: act as Act,
            now: new Date(),
            onProgress,
            signal: context.signal,
          })
        },
      },
    ])
    if (bundle)
      report(context, {
        bundle,
        policy,
        act,
        pinned: digest !== undefined,
        seconds: (performance.now() - started) / 1000,
      })
  },
}

async function isVolume(path: string): Promise<boolean> {
  const listing = await stat(join(path, 'volume.json')).catch(() => undefined)
  return listing !== undefined || (await stat(path).catch(() => undefined))?.isFile() === true
}

async function volumeReport(context: Parameters<Command['run']>[0], path: string, policy: Policy): Promise<void> {
  let opened: OpenedVolume | undefined
  await context.tasks([
    {
      title: `verify ${path}`,
      async run(onProgress) {
        opened = await verifyVolume(resolve(context.cwd, path), { policy, now: new Date(), onProgress, signal: context.signal })
      },
    },
  ])
  if (!opened) return
  const { listing, signers } = opened
  const { bundle, volume, volumes, spares, covers, packs, files } = listing
  context.result({ accepted: true, bundle, volume, volumes, spares, covers, signers, files: packs.length + files.length }, () =>
    [
      `volume ${volume} of ${volumes + spares} of ${bundle.name} ${bundle.version} reads as it was packed`,
      `  signed by ${signers.join(', ')}; ${packs.length + files.length} files, no file more, none less`,
      ...(covers.length > 0 ? [`  a spare: it stands in for one of the volumes ${covers.join(', ')}`] : []),
      'It says nothing of the other volumes. The bundle itself is judged when it is imported.',
    ].join('\n'),
  )
}

interface Outcome {
  readonly bundle: Bundle
  readonly policy: Policy
  readonly act: string
  /** The policy's digest was given. */
  readonly pinned: boolean
  readonly seconds: number
}

function report(context: Parameters<Command['run']>[0], { bundle, policy, act, pinned, seconds }: Outcome): void {
  const { statement, digest, signers, approvals, notices } = bundle
  const { name, version, kind, sequence, marking } = statement
  const { site, version: policyVersion } = policy.payload
  const files = bundle.sums.size
  const bytes = [...bundle.sums.keys()].reduce((sum, path) => sum + (bundle.listing.files.get(path) ?? 0), 0)
  const value = {
    accepted: true,
    act,
    name,
    version,
    kind,
    sequence,
    marking,
    sha512: digest,
    signers,
    approvals: approvals.map(({ signers: persons, ...approval }) => ({ ...approval, signers: persons.map(({ keyId, person }) => ({ keyId, person })) })),
    notices,
    files,
    bytes,
    seconds,
    policy: { site, version: policyVersion, sha512: policy.digest, pinned },
  }
  context.result(value, () =>
    [
      `${name} ${version} is accepted for ${act} under the trust policy of site ${site}, version ${policyVersion}`,
      `  ${kind}, sequence ${sequence}, ${[marking.level, ...marking.categories].join(' / ')}`,
      `  sha512 of bundle.json ${digest}`,
      ...signers.map(
        (signer) =>
          `  signed by ${signer.person} (${signer.roles.join(', ')}), key ${signer.keyId}, ML-DSA-87 and P-384`,
      ),
      ...approvals.flatMap(({ id, act: approved, planDigest, conditions, expires, signers: persons }) => [
        `  approved by ${persons.map((one) => one.person).join(', ')} for ${approved}, until ${expires}, approval ${id}`,
        ...(planDigest === null ? [] : [`    for the plan with sha512 ${planDigest}: compare it`]),
        ...conditions.map((text) => `    on condition: ${text}`),
      ]),
      ...notices.map((notice) => `  not counted: ${notice}`),
      `  ${files} files, ${(bytes / 1e6).toFixed(1)} MB, every byte hashed in ${seconds.toFixed(1)} s; no file more, none less`,
      ...(pinned ? [] : [`The policy was taken as it is. Compare its sha512 with the card: ${policy.digest}`]),
    ].join('\n'),
  )
}
