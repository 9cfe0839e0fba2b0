import { OSCAL_VERSION, text } from '../../evidence/oscal/document.ts'
import type { Assessment } from '../assessment.ts'
import { BENCHMARK } from '../benchmark.ts'
import { activityOf, controlsOf, idsOf, inventoryOf, TOOL } from './oscal-parts.ts'

/** An OSCAL assessment plan: what was asked, by which rule, on which hosts. Results have to name one. */
export function assessmentPlan(assessment: Assessment): Buffer {
  const id = idsOf(assessment)
  const { site, started } = assessment
  return text({
    'assessment-plan': {
      uuid: id('plan'),
      metadata: { title: `Assessment of the site ${site.name} by the benchmark ${BENCHMARK.title} ${BENCHMARK.version}`, 'last-modified': started, version: BENCHMARK.version, 'oscal-version': OSCAL_VERSION },
      'import-ssp': { href: `#${id('ssp')}`, remarks: 'The security plan is the site’s own; put its address into the resource named.' },
      'local-definitions': { activities: BENCHMARK.rules.map((rule) => activityOf(rule, id)) },
      'reviewed-controls': controlsOf(BENCHMARK.rules),
      'assessment-subjects': [{ type: 'inventory-item', description: 'Every host in site.yaml.', 'include-subjects': inventoryOf(assessment, id).map(({ uuid }) => ({ 'subject-uuid': uuid, type: 'inventory-item' })) }],
      'assessment-assets': { components: [TOOL(assessment, id)], 'assessment-platforms': [{ uuid: id('platform'), title: 'The operator’s station', 'uses-components': [{ 'component-uuid': id('tool') }] }] },
      tasks: [{ uuid: id('task'), type: 'action', title: 'Ask the hosts and judge by every rule', 'associated-activities': BENCHMARK.rules.map((rule) => ({ 'activity-uuid': id(`activity ${rule.id}`), subjects: [{ type: 'inventory-item', 'include-all': {} }] })) }],
      'back-matter': { resources: [{ uuid: id('ssp'), title: 'System security plan of the site', description: 'Not made by Sallyport.' }] },
    },
  })
}
