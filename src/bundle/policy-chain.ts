import { acceptPolicy } from './policy-file.ts'
import type { Policy } from './policy.ts'
import { sha512 } from './digest.ts'
import { parseStrict } from './strict-json.ts'
import { LIMITS } from './layout.ts'

/** What the chain is held against: the policy in force, or the digest on the card when there is none yet. */
export type Anchor = { readonly current: Policy } | { readonly digest: string }

/**
 * Walks the policies of a site from the one that the card names to the newest, each accepted by the one before it
 * (TUF specification 5.3). With a policy in force the walk begins behind it; a chain that does not lead through it is
 * refused, so that nobody goes back to an older policy, or over to another.
 * @throws as `acceptPolicy`
 */
export function walkPolicies(files: readonly Uint8Array[], anchor: Anchor): Policy {
  const first = 'current' in anchor ? Math.max(0, files.findIndex((file) => digestOf(file) === anchor.current.digest)) : 0
  let policy = 'current' in anchor ? anchor.current : undefined
  for (const file of files.slice(first)) policy = acceptPolicy(file, policy ? { current: policy } : { digest: 'digest' in anchor ? anchor.digest : undefined })
  if (policy === undefined) throw new Error('a chain of policies has at least one')
  return policy
}

/** Digest of the payload of a policy's file; undefined for a file that is none, which `acceptPolicy` then names. */
function digestOf(file: Uint8Array): string | undefined {
  try {
    const { payload } = parseStrict(file, { what: 'the trust policy', limit: LIMITS.policy }) as { payload?: unknown }
    return typeof payload === 'string' ? sha512(Buffer.from(payload)) : undefined
  } catch {
    return undefined
  }
}
