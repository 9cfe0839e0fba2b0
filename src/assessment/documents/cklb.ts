import { uuidOfName } from '../../evidence/oscal/uuid.ts'
import type { AssessedHost, Assessment, Result } from '../assessment.ts'
import { BENCHMARK } from '../benchmark.ts'
import { controlName } from './control-name.ts'

const STATUS: Readonly<Record<Result, string>> = { pass: 'not_a_finding', fail: 'open', 'not-checked': 'not_reviewed', 'not-applicable': 'not_applicable' }

/** A checklist of one host as STIG Viewer 3 writes it (CKLB 1.0, JSON). What only the site knows is left empty. */
export function checklist({ site, ended, program, release, verdicts }: Assessment, { name, address, roles }: AssessedHost): Buffer {
  const id = (what: string): string => uuidOfName(`checklist ${site.id} ${name} ${ended} ${what}`)
  const stig = id('benchmark')
  const [, major = '1', minor = '0'] = /^(\d+)\.(\d+)/.exec(BENCHMARK.version) ?? []
  const rules = verdicts.filter((verdict) => verdict.host === name)
  const document = {
    title: `${site.name} ${name}: ${BENCHMARK.title}`,
    id: id('whole'),
    stigs: [
      {
        stig_name: `${BENCHMARK.title} benchmark`,
        display_name: BENCHMARK.title,
        stig_id: BENCHMARK.id,
        release_info: `Release: ${minor} Benchmark Date: ${BENCHMARK.date}`,
        version: major,
        uuid: stig,
        reference_identifier: BENCHMARK.id,
        size: rules.length,
        rules: rules.map(({ rule, result, evidence }) => ({
          uuid: id(rule.id),
          stig_uuid: stig,
          target_key: null,
          stig_ref: null,
          group_id: rule.id,
          group_id_src: rule.id,
          rule_id: rule.id,
          rule_id_src: rule.id,
          rule_version: rule.id,
          reference_identifier: BENCHMARK.id,
          classification: '',
          severity: rule.severity,
          weight: '10.0',
          group_title: rule.title,
          rule_title: rule.title,
          discussion: `${rule.discussion}\n\nSP 800-53 rev. 5: ${rule.controls.map(controlName).join(', ')}`,
          check_content: rule.check,
          check_content_ref: { href: `${BENCHMARK.id}.json`, name: 'M' },
          fix_text: rule.fix,
          false_positives: '',
          false_negatives: '',
          documentable: 'false',
          mitigations: '',
          potential_impacts: '',
          third_party_tools: '',
          mitigation_control: '',
          responsibility: '',
          security_override_guidance: '',
          ia_controls: '',
          legacy_ids: [],
          ccis: [],
          group_tree: [{ id: rule.id, title: rule.title, description: '' }],
          status: STATUS[result],
          finding_details: evidence.join('\n'),
          comments: '',
          overrides: {},
          createdAt: ended,
          updatedAt: ended,
        })),
      },
    ],
    active: true,
    mode: 1,
    has_path: false,
    target_data: {
      target_type: 'Computing',
      host_name: name,
      ip_address: address,
      mac_address: '',
      fqdn: `${name}.${site.domain}`,
      comments: `Roles: ${roles.join(', ')}. ${release ? `${release.name} ${release.version}.` : 'No release could be read.'} Made by sallyport ${program}.`,
      role: 'None',
      is_web_database: false,
      technology_area: '',
      web_db_site: '',
      web_db_instance: '',
      classification: null,
    },
    cklb_version: '1.0',
  }
  return Buffer.from(`${JSON.stringify(document, null, 2)}\n`)
}
