import type { X509Certificate } from 'node:crypto'
import { certificatesIn } from './pem.ts'
import { pathTo, type Path } from './path.ts'
import { profileFaults } from './profile.ts'
import { revocationFaults, type RevocationList } from './revocation-list.ts'
import type { Wanted } from './identity.ts'

const RENEW_AT = 2 / 3

export interface Expectation {
  /** Private key, PEM; left out at the station, which has none. */
  readonly key?: string
  readonly wanted: Wanted
  readonly now: Date
  /** Also object to a certificate with less than a third of its life left. */
  readonly renewal?: boolean
  readonly lists?: readonly RevocationList[]
}

/** When a certificate is asked for again: with a third of its life left. */
export function renewalOf(leaf: X509Certificate): Date {
  const from = leaf.validFromDate.getTime()
  return new Date(from + (leaf.validToDate.getTime() - from) * RENEW_AT)
}

/** Every reason not to use a leaf + chain (PEM) under these roots (PEM), one line each. */
export function certificateFaults(chainPem: string, rootsPem: string, expected: Expectation): readonly string[] {
  let chain: X509Certificate[]
  let roots: X509Certificate[]
  try {
    chain = certificatesIn(chainPem)
    roots = certificatesIn(rootsPem)
  } catch (error) {
    return [`not X.509: ${(error as Error).message}`]
  }
  const [leaf, ...above] = chain
  if (!leaf) return ['no certificate in it']
  return leafFaults(leaf, above, roots, expected).faults
}

/** The same for parsed certificates; also answers the path that was found. */
export function leafFaults(
  leaf: X509Certificate,
  others: readonly X509Certificate[],
  roots: readonly X509Certificate[],
  expected: Expectation,
): Path {
  try {
    const path = pathTo(leaf, others, roots, expected.now)
    const soon = expected.renewal && expected.now > renewalOf(leaf) ? ['it expires soon'] : []
    const faults = [
      ...profileFaults(leaf, expected.wanted, expected.key),
      ...path.faults,
      ...revocationFaults(path.certificates, expected.lists ?? []),
      ...soon,
    ]
    return { certificates: path.certificates, faults }
  } catch (error) {
    return { certificates: [leaf], faults: [`not as RFC 5280 has it: ${(error as Error).message}`] }
  }
}
