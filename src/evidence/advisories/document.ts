import { bomText, type BomComponent } from '../cyclonedx.ts'
import type { Finding } from './findings.ts'
import type { SnapshotSource } from './snapshot.ts'
import type { VexStatement } from './vex.ts'

interface About {
  readonly name: string
  readonly version: string
  readonly created: string
}

/** CycloneDX's states for OpenVEX's. */
const STATES = { not_affected: 'not_affected', affected: 'exploitable', fixed: 'resolved', under_investigation: 'in_triage' } as const
/** Where CycloneDX has the same reason; the words of the statement are kept in any case. */
const REASONS: Readonly<Partial<Record<NonNullable<VexStatement['justification']>, string>>> = {
  component_not_present: 'code_not_present',
  vulnerable_code_not_present: 'code_not_present',
  vulnerable_code_not_in_execute_path: 'code_not_reachable',
  inline_mitigations_already_exist: 'protected_by_mitigating_control',
}
const SEVERITIES = ['critical', 'high', 'medium', 'low', 'info', 'none']
const METHODS = [
  [/^CVSS:4\.0\//, 'CVSSv4'],
  [/^CVSS:3\.1\//, 'CVSSv31'],
  [/^CVSS:3\.0\//, 'CVSSv3'],
] as const

/** What the advisories say of a bundle, with the VEX statements about it: a CycloneDX 1.6 document of its own. */
export function advisoryDocument({ name, version, created }: About, findings: readonly Finding[], sources: readonly SnapshotSource[]): Buffer {
  const components = new Map<string, BomComponent>()
  for (const { packages } of findings)
    for (const { name: called, version: of, purl } of packages) components.set(purl, { type: 'library', 'bom-ref': purl, name: called.slice(called.indexOf(' ') + 1), version: of, purl })
  const properties = sources.map(({ name: source, format, dated, sha512 }) => ({ name: `sallyport:advisories:${source}`, value: `${format}, dated ${dated}, sha512 ${sha512}` }))
  return bomText({
    subject: { type: 'application', 'bom-ref': 'bundle', name, version, properties },
    created,
    components: [...components.values()].sort((a, b) => (a['bom-ref'] < b['bom-ref'] ? -1 : 1)),
    vulnerabilities: findings.map(vulnerability),
  })
}

function vulnerability(finding: Finding): object {
  const { id, aliases, sources, summary, severity, vector, fixed, published, modified, verdict, vex, packages, name, version } = finding
  const [source = ''] = sources
  return {
    'bom-ref': `${id} ${name} ${version}`,
    id,
    source: { name: source },
    ...(aliases.length === 0 ? {} : { references: aliases.map((alias) => ({ id: alias, source: { name: source } })) }),
    ...(severity === undefined && vector === undefined ? {} : { ratings: [rating(severity, vector, source)] }),
    ...(summary === '' ? {} : { description: summary }),
    ...(fixed === undefined ? {} : { recommendation: `Fixed in ${fixed}` }),
    ...dates(published, modified),
    ...analysis(verdict, vex),
    affects: packages.map(({ purl, version: of }) => ({ ref: purl, versions: [{ version: of, status: verdict === 'affected' ? 'affected' : 'unknown' }] })),
    properties: [{ name: 'sallyport:open', value: String(finding.open) }, ...(severity === undefined ? [] : [{ name: 'sallyport:severity', value: severity }])],
  }
}

function rating(severity: string | undefined, vector: string | undefined, source: string): object {
  const method = METHODS.find(([pattern]) => pattern.test(vector ?? ''))?.[1]
  const known = severity === 'moderate' ? 'medium' : severity === 'unimportant' ? 'info' : SEVERITIES.find((one) => one === severity)
  return { source: { name: source }, severity: known ?? 'unknown', ...(vector === undefined ? {} : { method: method ?? 'other', vector }) }
}

function dates(published: string | undefined, modified: string | undefined): object {
  const valid = (text: string | undefined): text is string => text !== undefined && !Number.isNaN(Date.parse(text))
  return { ...(valid(published) ? { published: new Date(published).toISOString() } : {}), ...(valid(modified) ? { updated: new Date(modified).toISOString() } : {}) }
}

function analysis(verdict: Finding['verdict'], vex: VexStatement | undefined): object {
  if (vex === undefined) return verdict === 'affected' ? {} : { analysis: { state: 'in_triage', detail: 'The source has not decided, or the version cannot be compared.' } }
  const { status, justification, impact, action, author, timestamp } = vex
  const reason = justification === undefined ? undefined : REASONS[justification]
  const detail = [justification, impact, action, `Said by ${author} on ${timestamp}`].filter((part) => part !== undefined).map((part) => part.replace(/\.$/, '')).join('. ')
  return { analysis: { state: STATES[status], ...(reason === undefined || status !== 'not_affected' ? {} : { justification: reason }), detail } }
}
