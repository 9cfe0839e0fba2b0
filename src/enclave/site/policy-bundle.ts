import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fault } from '../codes.ts'
import { readRegular } from '../../bundle/io.ts'
import { LIMITS } from '../../bundle/layout.ts'
import type { Policy } from '../../bundle/policy.ts'
import { refuse } from '../../bundle/reasons.ts'
import { verifyBundle } from '../../bundle/verify.ts'
import { circumstancesOf, seen, type Floors } from '../floor/floors.ts'

/** The mirror of a bundle of kind trust that holds policies, each as `<version>.json`. */
const MIRROR = 'trust-policies'

export interface CarriedPolicies {
  readonly files: readonly Buffer[]
  /** What the station remembers when the policies were taken. */
  readonly floors: Floors
}

/** The policies at `path`: a file, or a bundle of kind trust that the policy in force accepts. */
export async function carriedPolicies(path: string, policy: Policy, record: Floors, now: Date): Promise<CarriedPolicies> {
  if (!(await stat(join(path, 'bundle.json')).catch(() => undefined))) {
    const bytes = await readRegular(path, LIMITS.policy)
    if (!bytes) throw fault('E_SITE_INVALID', `there is no trust policy and no bundle at ${path}`)
    return { files: [bytes], floors: {} }
  }
  const bundle = await verifyBundle(path, { policy, act: 'import', now, ...circumstancesOf([record]) })
  const { kind, name, sequence, mirrors } = bundle.statement
  const mirror = mirrors.find((one) => one.name === MIRROR)
  if (kind !== 'trust' || !mirror)
    refuse(`the bundle ${path}`, [{ code: 'E_KIND_ACT', text: 'it carries no trust policies', expected: `kind trust, with a mirror ${MIRROR}`, found: `kind ${kind}` }])
  const entries = await bundle.tree((mirror as NonNullable<typeof mirror>).tree)
  const strange = entries.filter((entry) => !/^[1-9]\d{0,5}\.json$/.test(entry.path))
  if (strange.length > 0) throw fault('E_SITE_INVALID', `the bundle ${path} holds what is no policy`, { faults: strange.map((entry) => entry.path) })
  const files: Buffer[] = []
  for (const entry of entries.toSorted((a, b) => Number.parseInt(a.path) - Number.parseInt(b.path))) {
    const blob = bundle.blob(entry.sha256)
    if (blob) files.push(await bundle.readBlob(blob, LIMITS.policy))
  }
  return { files, floors: seen({ kind, name, sequence, digest: bundle.digest }, true) }
}
