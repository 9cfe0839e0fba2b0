import { AsnConvert } from '@peculiar/asn1-schema'
import { NameConstraints, type GeneralSubtrees } from '@peculiar/asn1-x509'
import type { X509Certificate } from 'node:crypto'
import { certificatesIn, oneLine } from './pem.ts'
import { pathTo } from './path.ts'
import { x509 } from './x509.ts'

const NAME_CONSTRAINTS = '2.5.29.30'

export interface PartnerRule {
  readonly roots: readonly X509Certificate[]
  readonly issuing: readonly X509Certificate[]
  /** Names of services lie in this domain: no partner may give one. */
  readonly domain: string
  readonly identity: 'dns' | 'spiffe'
  readonly now: Date
}

/**
 * Every reason not to let a partner's people in by this text (PEM): each certificate must be an authority's, issued by the
 * organisation, and bound to the partner's own directory names and away from the names of services (RFC 5280 4.2.1.10). TLS
 * libraries then hold the partner's authority to that.
 */
export function partnerFaults(pem: string, rule: PartnerRule): string[] {
  let certificates: X509Certificate[]
  try {
    certificates = certificatesIn(pem)
  } catch (error) {
    return [`not X.509: ${(error as Error).message}`]
  }
  if (certificates.length === 0) return ['no certificate in it']
  return certificates.flatMap((one) => crossFaults(one, rule).map((text) => `${oneLine(one.subject)}: ${text}`))
}

function crossFaults(one: X509Certificate, { roots, issuing, domain, identity, now }: PartnerRule): string[] {
  if (!one.ca) return ['it is no authority’s certificate']
  if (roots.some((root) => root.raw.equals(one.raw))) return ['it is a root of the organisation itself']
  const faults = [...pathTo(one, issuing, roots, now).faults]
  const extension = new x509.X509Certificate(one.raw).getExtension(NAME_CONSTRAINTS)
  if (!extension) return [...faults, 'it carries no constraints on names']
  if (!extension.critical) faults.push('its constraints on names are not critical')
  const { permittedSubtrees: permitted, excludedSubtrees: excluded } = AsnConvert.parse(extension.value, NameConstraints)
  const directory = trees(permitted).filter(({ base }) => base.directoryName !== undefined)
  if (directory.length === 0) faults.push('it does not say under which directory name the partner’s people are')
  if (directory.some(({ base }) => base.directoryName?.length === 0)) faults.push('it permits every directory name')
  if (!keepsFrom(domain, dnsNames(permitted), dnsNames(excluded))) faults.push(`it lets the partner name services of ${domain} (DNS)`)
  if (identity === 'spiffe' && !keepsUrisFrom(domain, uris(permitted), uris(excluded))) faults.push(`it lets the partner name services of ${domain} (URI)`)
  return faults
}

/** The directory names that a partner's authority is bound to, most general part first as in the certificate: `O=Ally`. */
export function partnerDirectories(pem: string): string[] {
  return certificatesIn(pem).flatMap((one) => {
    const extension = new x509.X509Certificate(one.raw).getExtension(NAME_CONSTRAINTS)
    if (!extension) return []
    const { permittedSubtrees } = AsnConvert.parse(extension.value, NameConstraints)
    return trees(permittedSubtrees).flatMap(({ base }) => (base.directoryName === undefined ? [] : [new x509.Name(AsnConvert.serialize(base.directoryName)).toString()]))
  })
}

function trees(subtrees: GeneralSubtrees | undefined) {
  return [...(subtrees ?? [])]
}

function dnsNames(subtrees: GeneralSubtrees | undefined): string[] {
  return trees(subtrees).flatMap(({ base }) => (base.dNSName === undefined ? [] : [base.dNSName]))
}

function uris(subtrees: GeneralSubtrees | undefined): string[] {
  return trees(subtrees).flatMap(({ base }) => (base.uniformResourceIdentifier === undefined ? [] : [base.uniformResourceIdentifier]))
}

/** Whether nothing in a domain may be named: it is excluded, or only names elsewhere are permitted. */
function keepsFrom(domain: string, permitted: readonly string[], excluded: readonly string[]): boolean {
  const holds = (tree: string): boolean => {
    const base = tree.replace(/^\./, '').toLowerCase()
    return base === '' || domain === base || domain.endsWith(`.${base}`)
  }
  if (excluded.some(holds)) return true
  const inside = (tree: string): boolean => tree.replace(/^\./, '').toLowerCase().endsWith(`.${domain}`)
  return permitted.length > 0 && !permitted.some((tree) => holds(tree) || inside(tree))
}

/** The same for URIs, whose constraint is one host, or with a leading dot everything below it (RFC 5280 4.2.1.10). */
function keepsUrisFrom(domain: string, permitted: readonly string[], excluded: readonly string[]): boolean {
  const holds = (tree: string): boolean => (tree.startsWith('.') ? domain.endsWith(tree.toLowerCase()) : tree.toLowerCase() === domain)
  return excluded.some(holds) || (permitted.length > 0 && !permitted.some(holds))
}
