import type { X509Certificate } from 'node:crypto'
import { oneLine } from './pem.ts'
import { validityFaults } from './profile.ts'
import { x509 } from './x509.ts'

/** No organisation stacks more authorities; a longer chain is an attack on whoever walks it. */
const MAX_DEPTH = 8
/** Authorities of one name may be many: looking stops here, and says that no root was reached. */
const MAX_STEPS = 500
const WEAK: ReadonlySet<string> = new Set(['SHA-1', 'MD5', 'MD2'])

export interface Path {
  /** Leaf first, root last; without a root when none was reached. */
  readonly certificates: readonly X509Certificate[]
  readonly faults: readonly string[]
}

/**
 * The way from a leaf to a root of the organisation, through whatever certificates came along in whatever order
 * (RFC 5280 section 6 without name constraints and policies, which the host's own OpenSSL checks by a handshake). Of several
 * ways the first without a fault is taken.
 */
export function pathTo(leaf: X509Certificate, others: readonly X509Certificate[], roots: readonly X509Certificate[], now: Date): Path {
  const ways: Path[] = []
  let steps = 0
  const walk = (certificates: readonly X509Certificate[]): boolean => {
    if ((steps += 1) > MAX_STEPS) return false
    const last = certificates.at(-1) as X509Certificate
    const above = issuersOf(last, roots)
    for (const root of above) {
      const whole = [...certificates, root]
      const faults = pathFaults(whole, now)
      ways.push({ certificates: whole, faults })
      if (faults.length === 0) return true
    }
    if (certificates.length >= MAX_DEPTH) return false
    return issuersOf(last, others)
      .filter((issuer) => !certificates.some((one) => one.raw.equals(issuer.raw)))
      .some((issuer) => walk([...certificates, issuer]))
  }
  walk([leaf])
  const best = ways.find((way) => way.faults.length === 0) ?? ways[0]
  return best ?? { certificates: [leaf], faults: [`${oneLine(leaf.subject)} was not issued by a root of the organisation: issuer ${oneLine(leaf.issuer)}`] }
}

function issuersOf(subject: X509Certificate, candidates: readonly X509Certificate[]): X509Certificate[] {
  return candidates.filter((issuer) => issuer.ca && subject.checkIssued(issuer) && subject.verify(issuer.publicKey))
}

function pathFaults(path: readonly X509Certificate[], now: Date): string[] {
  const faults: string[] = []
  for (const [depth, one] of path.entries()) {
    faults.push(...validityFaults(one, now))
    const parsed = new x509.X509Certificate(one.raw)
    const isRoot = depth === path.length - 1
    if (!isRoot && WEAK.has(parsed.signatureAlgorithm.hash?.name ?? '')) faults.push(`${oneLine(one.subject)} is signed with ${parsed.signatureAlgorithm.hash.name}`)
    if (depth === 0) continue
    const usage = parsed.getExtension(x509.KeyUsagesExtension)?.usages
    if (usage !== undefined && !(usage & x509.KeyUsageFlags.keyCertSign)) faults.push(`${oneLine(one.subject)} may not sign certificates`)
    const most = parsed.getExtension(x509.BasicConstraintsExtension)?.pathLength
    if (most !== undefined && depth - 1 > most) faults.push(`${oneLine(one.subject)} may stand at most ${most} authorities above a certificate, here ${depth - 1}`)
  }
  return faults
}
