import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { readRegular } from '../../bundle/io.ts'
import { validity } from '../../bundle/decide.ts'
import { LIMITS } from '../../bundle/layout.ts'
import { walkPolicies } from '../../bundle/policy-chain.ts'
import type { Policy } from '../../bundle/policy.ts'
import { refuse } from '../../bundle/reasons.ts'
import { fault } from '../codes.ts'
import { raise, type Floors } from '../floor/floors.ts'
import { writeDurably } from '../journal/durable.ts'
import { judgeCeiling } from './ceiling.ts'
import { carriedPolicies } from './policy-bundle.ts'
import { readSite, siteFile } from './read.ts'
import { raiseRecord, readRecord } from './record.ts'

/**
 * The policies of a site after the one that site.yaml names by the digest on the card, each in a file of its version:
 *
 *     <site>/trust-policies/2.json
 *
 * site.yaml stays as it was, and with it the approvals that name its digest.
 */
const FOLDER = 'trust-policies'
const MOST = 1000

/** Not judged yet. Throws E_SITE_INVALID for anything else that stands there. */
export async function readLaterPolicies(folder: string): Promise<Buffer[]> {
  const names = await readdir(join(folder, FOLDER)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const strange = names.filter((name) => !/^[1-9]\d{0,5}\.json$/.test(name))
  if (strange.length > 0 || names.length > MOST)
    throw fault('E_SITE_INVALID', `${join(folder, FOLDER)} holds what is no policy`, { expected: `at most ${MOST} files named by their version`, found: strange.join(', ') || String(names.length) })
  const files: Buffer[] = []
  for (const name of names.toSorted((a, b) => Number.parseInt(a) - Number.parseInt(b))) {
    const bytes = await readRegular(join(folder, FOLDER, name), LIMITS.policy)
    if (!bytes) throw fault('E_SITE_INVALID', `${join(folder, FOLDER, name)} is not a regular file`)
    files.push(bytes)
  }
  return files
}

export interface TakenPolicies {
  readonly before: Policy
  readonly policy: Policy
  /** How many files were new. */
  readonly taken: number
}

/**
 * Takes newer policies into the folder of a site, from a file or a bundle of kind trust; those it has already are passed
 * over. All or none. What the policy in force lost by its end it may get by a file alone.
 * @throws as `walkPolicies`, E_POLICY_EXPIRED, E_POLICY_NOT_YET, E_CEILING when the newest lets in less than site.yaml says
 */
export async function takePolicies(folder: string, paths: readonly string[], now: Date): Promise<TakenPolicies> {
  const { site, folder: absolute } = await readSite(folder)
  const first = await readRegular(siteFile(absolute, site.trust.policy), LIMITS.policy)
  if (!first) throw fault('E_SITE_INVALID', `there is no regular file ${site.trust.policy}`)
  const present = [first, ...(await readLaterPolicies(absolute))]
  const before = walkPolicies(present, { digest: site.trust.sha512 })
  const accepted: { policy: Policy; bytes: Buffer }[] = []
  let policy = before
  let floors: Floors = {}
  for (const path of paths) {
    const carried = await carriedPolicies(path, policy, await readRecord(absolute), now)
    for (const bytes of carried.files) {
      if (present.some((one) => one.equals(bytes))) continue
      const next = walkPolicies([bytes], { current: policy })
      if (next.digest !== policy.digest) accepted.push({ policy: next, bytes })
      policy = next
    }
    floors = raise(floors, carried.floors)
  }
  if (accepted.length === 0) return { before, policy, taken: 0 }
  refuse('the trust policy', validity(policy, now))
  judgeCeiling(site, policy.payload.ceiling)
  for (const { policy: one, bytes } of accepted) await writeDurably(join(absolute, FOLDER, `${one.payload.version}.json`), bytes)
  await raiseRecord(absolute, floors)
  return { before, policy, taken: accepted.length }
}
