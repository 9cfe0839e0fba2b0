import { pem, type PublicKey, type Role } from './keys.ts'
import { ACTS, POLICY_TYPE, type Ceiling, type FloorEntry, type PolicyPayload, type Revocation } from './policy.ts'

/** What a site decides when it writes its first policy, or, with `previous`, a later one. */
export interface PolicyDraft {
  readonly site: string
  readonly created: string
  readonly expires: string
  /** `names`: patterns of bundle names the key may sign; root keys need none. */
  readonly keys: readonly { readonly key: PublicKey; readonly names: readonly string[] }[]
  /** Acts that are left out ask for one publisher; `root` for one root. */
  readonly thresholds?: Partial<PolicyPayload['thresholds']>
  readonly ceiling: Ceiling
  readonly revocations?: readonly Revocation[]
  readonly floor?: readonly FloorEntry[]
  readonly exceptions?: PolicyPayload['exceptions']
  /** The policy in force; absent for the first. */
  readonly previous?: { readonly version: number; readonly digest: string }
}

/** The payload to sign with signPolicy; `parsePayload` judges it. */
export function draftPolicy(draft: PolicyDraft): PolicyPayload {
  const one = (role: Role) => ({ [role]: 1 })
  const acts = Object.fromEntries(ACTS.map((act) => [act, draft.thresholds?.[act] ?? one('publisher')]))
  const { policy, policyVersion, levels, level, categories } = draft.ceiling
  return {
    type: POLICY_TYPE,
    formatVersion: 1,
    critical: [],
    version: (draft.previous?.version ?? 0) + 1,
    previous: draft.previous?.digest ?? null,
    site: draft.site,
    created: draft.created,
    expires: draft.expires,
    persons: [...new Set(draft.keys.map(({ key }) => key.person))].sort(),
    keys: draft.keys.map(({ key, names }) => ({
      keyId: key.keyId,
      person: key.person,
      roles: [key.role],
      names: [...names],
      mldsa87: pem(key.keys.mldsa87),
      p384: pem(key.keys.p384),
    })),
    thresholds: { root: draft.thresholds?.root ?? one('root'), ...(acts as Omit<PolicyPayload['thresholds'], 'root'>) },
    revocations: [...(draft.revocations ?? [])],
    floor: [...(draft.floor ?? [])],
    exceptions: [...(draft.exceptions ?? [])],
    ceiling: { policy, policyVersion, levels, level, categories },
  }
}
