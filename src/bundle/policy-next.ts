import { pem, type PublicKey } from './keys.ts'
import type { Ceiling, FloorEntry, FloorException, Policy, PolicyPayload } from './policy.ts'

/** What the next version of a policy does otherwise; all that is left out stays as it is. */
export interface PolicyChange {
  readonly created: string
  readonly expires: string
  readonly add?: readonly { readonly key: PublicKey; readonly names: readonly string[] }[]
  /** Key ids that are forgotten: nothing that they signed counts any more. */
  readonly remove?: readonly string[]
  /** Key ids whose signatures count no more, but over the bundles of `keeps` (sha512 of bundle.json). */
  readonly revoke?: readonly { readonly keyId: string; readonly reason: string }[]
  readonly keeps?: readonly string[]
  /** Each act that is named asks for what is said here, and for nothing else. */
  readonly thresholds?: Partial<PolicyPayload['thresholds']>
  readonly floor?: readonly FloorEntry[]
  readonly exceptions?: readonly FloorException[]
  readonly ceiling?: Partial<Ceiling>
}

/**
 * The payload of the version after `current`, to be signed by roots of both; `parsePayload` judges it. A key that is
 * revoked again keeps its first date and reason, and the bundles of both times. Exceptions that are over are left out.
 */
export function nextPayload({ payload, digest }: Policy, change: PolicyChange): PolicyPayload {
  const { add = [], remove = [], revoke = [], keeps = [], floor = [], exceptions = [] } = change
  const keys = [
    ...payload.keys.filter(({ keyId }) => !remove.includes(keyId)),
    ...add.map(({ key, names }) => ({ keyId: key.keyId, person: key.person, roles: [key.role], names: [...names], mldsa87: pem(key.keys.mldsa87), p384: pem(key.keys.p384) })),
  ]
  const known = new Map(payload.revocations.map((one) => [one.keyId, one]))
  for (const { keyId, reason } of revoke) {
    const before = known.get(keyId) ?? { keyId, at: change.created, reason, keeps: [] }
    known.set(keyId, { ...before, keeps: [...new Set([...before.keeps, ...keeps])] })
  }
  return {
    ...payload,
    version: payload.version + 1,
    previous: digest,
    created: change.created,
    expires: change.expires,
    persons: [...new Set(keys.map(({ person }) => person))].toSorted(),
    keys,
    thresholds: { ...payload.thresholds, ...change.thresholds },
    revocations: [...known.values()],
    floor: raised(payload.floor, floor),
    exceptions: [...payload.exceptions.filter(({ expires }) => expires > change.created), ...exceptions],
    ceiling: { ...payload.ceiling, ...change.ceiling },
  }
}

/** A floor may be set lower on purpose: what hosts remember still binds. */
function raised(before: readonly FloorEntry[], changes: readonly FloorEntry[]): FloorEntry[] {
  const entries = new Map([...before, ...changes].map((entry) => [`${entry.kind} ${entry.name}`, entry]))
  return [...entries.values()]
}
