import { X509Certificate } from 'node:crypto'
import { privateKey } from './x509.ts'

const RENEW_AT = 2 / 3

/** Splits PEM text into certificates, in order. */
export function certificatesIn(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  return blocks.map((block) => new X509Certificate(block))
}

export interface Expectation {
  /** Private key, PEM; left out at the station, which has none. */
  readonly key?: string
  readonly names: readonly string[]
  readonly now: Date
  /** Also object to a certificate with less than a third of its life left. */
  readonly renewal?: boolean
}

/** Every reason not to use a leaf + chain under these roots, one line each (RFC 5280 section 6, without revocation). */
export function certificateFaults(chainPem: string, rootsPem: string, expected: Expectation): string[] {
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
  const faults: string[] = []
  if (leaf.ca) faults.push('the first certificate is a CA’s')
  for (const name of expected.names) if (leaf.checkHost(name, { subject: 'never' }) === undefined) faults.push(`it does not carry the name ${name}`)
  if (expected.key !== undefined && !leaf.checkPrivateKey(privateKey(expected.key))) faults.push('it belongs to another key')
  const usage = new Set(leaf.keyUsage ?? [])
  for (const [oid, use] of [['1.3.6.1.5.5.7.3.1', 'server'], ['1.3.6.1.5.5.7.3.2', 'client']] as const)
    if (!usage.has(oid)) faults.push(`it is not for TLS ${use} authentication`)
  for (const one of chain) faults.push(...validityFaults(one, expected.now))
  if (expected.renewal) {
    const from = leaf.validFromDate.getTime()
    if (expected.now.getTime() > from + (leaf.validToDate.getTime() - from) * RENEW_AT) faults.push('it expires soon')
  }
  faults.push(...pathFaults(leaf, above, roots, expected.now))
  return faults
}

function validityFaults(one: X509Certificate, now: Date): string[] {
  if (now >= one.validFromDate && now <= one.validToDate) return []
  const span = `${one.validFromDate.toISOString()} to ${one.validToDate.toISOString()}`
  return [`${one.subject.replaceAll('\n', ', ')} is valid ${span}, now is ${now.toISOString()}`]
}

function pathFaults(leaf: X509Certificate, above: X509Certificate[], roots: X509Certificate[], now: Date): string[] {
  let subject = leaf
  for (let depth = 0; depth <= above.length; depth += 1) {
    const signed = (issuer: X509Certificate): boolean =>
      issuer.ca && subject.checkIssued(issuer) && subject.verify(issuer.publicKey)
    const root = roots.find(signed)
    if (root) return validityFaults(root, now)
    const issuer = above.find(signed)
    if (!issuer) break
    subject = issuer
  }
  return [`${subject.subject.replaceAll('\n', ', ')} was not issued by a root of the organisation`]
}
