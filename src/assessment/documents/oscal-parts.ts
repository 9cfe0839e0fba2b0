import { uuidOfName } from '../../evidence/oscal/uuid.ts'
import type { Assessment } from '../assessment.ts'
import type { Rule } from '../benchmark.ts'

/** Names of an assessment's parts become UUIDs: the same assessment, the same ids. */
export type Ids = (what: string) => string

export const idsOf = ({ site, started }: Assessment): Ids => (what) => uuidOfName(`assessment ${site.id} ${started} ${what}`)

export const TOOL = ({ program }: Assessment, id: Ids) => ({
  uuid: id('tool'),
  type: 'software',
  title: `sallyport ${program}`,
  description: 'Asks hosts over SSH what they are doing, changes nothing, and judges the answers.',
  status: { state: 'operational' },
})

/** The hosts of the site. */
export function inventoryOf({ site, hosts }: Assessment, id: Ids) {
  return hosts.map(({ name, address, roles }) => ({
    uuid: id(`host ${name}`),
    description: `${name}: ${roles.join(', ')}`,
    props: [
      { name: 'fqdn', value: `${name}.${site.domain}` },
      { name: address.includes(':') ? 'ipv6-address' : 'ipv4-address', value: address },
    ],
  }))
}

export function controlsOf(rules: readonly Rule[]): object {
  const controls = [...new Set(rules.flatMap((rule) => rule.controls))].toSorted()
  return { 'control-selections': [{ description: 'Controls of NIST SP 800-53 revision 5 that a rule of the benchmark asks about.', 'include-controls': controls.map((control) => ({ 'control-id': control })) }] }
}

/** A rule as something that is done. */
export function activityOf(rule: Rule, id: Ids): object {
  return {
    uuid: id(`activity ${rule.id}`),
    title: `${rule.id} ${rule.title}`,
    description: rule.check,
    props: [
      { name: 'method', value: 'TEST' },
      { name: 'label', value: rule.id },
    ],
    'related-controls': controlsOf([rule]),
  }
}
