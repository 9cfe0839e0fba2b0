import type { Ceiling } from '../../bundle/policy.ts'
import { fault } from '../codes.ts'
import type { Site } from './site.ts'

/** Throws E_CEILING unless the trust policy lets the site take all that site.yaml says. */
export function judgeCeiling(site: Pick<Site, 'ceiling' | 'labels'>, ceiling: Ceiling): void {
  const { policy, version } = site.labels
  if (policy !== ceiling.policy || version !== ceiling.policyVersion)
    throw fault('E_CEILING', 'the trust policy is for another label policy than the site', { expected: `${policy} version ${version}`, found: `${ceiling.policy} version ${ceiling.policyVersion}` })
  if (ceiling.levels.indexOf(site.ceiling) > ceiling.levels.indexOf(ceiling.level) || !ceiling.levels.includes(site.ceiling))
    throw fault('E_CEILING', 'the site would take more than its trust policy', { expected: `at most ${ceiling.level}`, found: site.ceiling })
}
