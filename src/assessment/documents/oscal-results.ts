import { OSCAL_VERSION, resourceId, resourcesOf, text, type LinkedFile } from '../../evidence/oscal/document.ts'
import type { Assessment, Verdict } from '../assessment.ts'
import { BENCHMARK } from '../benchmark.ts'
import { controlName } from './control-name.ts'
import { controlsOf, idsOf, inventoryOf, TOOL, type Ids } from './oscal-parts.ts'

/** What a bundle claims for controls, and the files that show it: from the component definition of the running release. */
export interface Claims {
  /** The definition itself, in the bundle. */
  readonly definition: LinkedFile
  /** Id of the requirement by control, and the files linked to it. */
  readonly requirements: ReadonlyMap<string, { readonly uuid: string; readonly files: readonly LinkedFile[] }>
}

/** Documents lie in `oscal/`: what was observed is beside that folder; files of a bundle and of the source are elsewhere. */
function hrefOf(path: string): string {
  if (path.startsWith('observed/')) return `../${path}`
  return path.startsWith('source:') ? `urn:sallyport:${path}` : `urn:sallyport:bundle:${path}`
}

const DASHES: Readonly<Record<Verdict['result'], string>> = { pass: 'met', fail: 'not met', 'not-checked': 'not checked', 'not-applicable': 'not applicable' }

/**
 * OSCAL assessment results: an observation for each rule on each host with the exact answers by digest, a risk for each
 * that is not met, and a finding for each control that a rule asks about. A control counts as satisfied only when every
 * rule about it was asked and met on every host that it applies to.
 */
export function assessmentResults(assessment: Assessment, observed: readonly LinkedFile[], claims: Claims | undefined): Buffer {
  const id = idsOf(assessment)
  const { site, release, started, ended, verdicts } = assessment
  const asked = verdicts.filter(({ result }) => result !== 'not-applicable')
  const failed = asked.filter(({ result }) => result === 'fail')
  const controls = [...new Set(asked.flatMap(({ rule }) => rule.controls))].toSorted()
  const linked = claims === undefined ? [] : [claims.definition, ...controls.flatMap((control) => claims.requirements.get(control)?.files ?? [])]
  const backMatter = resourcesOf([...observed, ...linked], hrefOf)
  return text({
    'assessment-results': {
      uuid: id('results'),
      metadata: { title: `Assessment of the site ${site.name}, ${ended.slice(0, 10)}`, 'last-modified': ended, version: BENCHMARK.version, 'oscal-version': OSCAL_VERSION },
      'import-ap': { href: 'assessment-plan.json' },
      results: [
        {
          uuid: id('result'),
          title: `${BENCHMARK.title} ${BENCHMARK.version}`,
          description: `${BENCHMARK.description} Release: ${release ? `${release.name} ${release.version}, sha512 ${release.digest}` : 'could not be read'}.`,
          start: started,
          end: ended,
          'local-definitions': {
            'inventory-items': inventoryOf(assessment, id),
            'assessment-assets': { components: [TOOL(assessment, id)], 'assessment-platforms': [{ uuid: id('platform'), title: 'The operator’s station', 'uses-components': [{ 'component-uuid': id('tool') }] }] },
          },
          'reviewed-controls': controlsOf(BENCHMARK.rules),
          observations: asked.map((verdict) => observation(verdict, assessment, id, observed)),
          ...(failed.length === 0 ? {} : { risks: failed.map((verdict) => risk(verdict, id)) }),
          findings: controls.map((control) => finding(control, asked.filter(({ rule }) => rule.controls.includes(control)), id, claims)),
        },
      ],
      ...(backMatter === undefined ? {} : { 'back-matter': backMatter }),
    },
  })
}

const named = ({ rule, host }: Verdict): string => `${rule.id} ${host}`

function observation(verdict: Verdict, { ended }: Assessment, id: Ids, observed: readonly LinkedFile[]): object {
  const { rule, host, result, evidence } = verdict
  const file = observed.find(({ path }) => path === `observed/${host}.json`)
  return {
    uuid: id(`observation ${named(verdict)}`),
    title: `${rule.id} on ${host}: ${DASHES[result]}`,
    description: evidence.join('\n'),
    props: [
      { name: 'label', value: rule.id },
      { name: 'result', ns: 'urn:sallyport:oscal', value: result },
    ],
    methods: ['TEST'],
    types: ['finding'],
    origins: [{ actors: [{ type: 'tool', 'actor-uuid': id('tool') }], 'related-tasks': [{ 'task-uuid': id('task') }] }],
    subjects: [{ 'subject-uuid': id(`host ${host}`), type: 'inventory-item', title: host }],
    ...(file === undefined ? {} : { 'relevant-evidence': [{ href: `#${resourceId(file.path)}`, description: 'What the host answered, as it was judged.' }] }),
    collected: ended,
  }
}

function risk(verdict: Verdict, id: Ids): object {
  const { rule, host, evidence } = verdict
  return {
    uuid: id(`risk ${named(verdict)}`),
    title: `${rule.id} on ${host}: ${rule.title}`,
    description: evidence.join('\n'),
    statement: rule.discussion,
    status: 'open',
    characterizations: [{ origin: { actors: [{ type: 'tool', 'actor-uuid': id('tool') }] }, facets: [{ name: 'severity', system: 'urn:sallyport:benchmark', value: rule.severity }] }],
    remediations: [{ uuid: id(`remediation ${named(verdict)}`), lifecycle: 'recommendation', title: 'To do', description: rule.fix }],
    'related-observations': [{ 'observation-uuid': id(`observation ${named(verdict)}`) }],
  }
}

function finding(control: string, verdicts: readonly Verdict[], id: Ids, claims: Claims | undefined): object {
  const bad = verdicts.filter(({ result }) => result !== 'pass')
  const failed = bad.filter(({ result }) => result === 'fail')
  const requirement = claims?.requirements.get(control)
  const rules = [...new Set(verdicts.map(({ rule }) => rule.id))].join(', ')
  return {
    uuid: id(`finding ${control}`),
    title: `${controlName(control)}: ${bad.length === 0 ? 'every rule about it is met' : `${bad.length} of ${verdicts.length} answers are not`}`,
    description: bad.length === 0 ? `Asked by ${rules}.` : bad.map((verdict) => `${verdict.rule.id} on ${verdict.host}: ${DASHES[verdict.result]}.`).join(' '),
    ...(requirement === undefined || claims === undefined ? {} : { links: [claims.definition, ...requirement.files].map(({ path }) => ({ href: `#${resourceId(path)}`, rel: 'evidence', text: path })) }),
    target: {
      type: 'objective-id',
      'target-id': `${control}_obj`,
      status: { state: bad.length === 0 ? 'satisfied' : 'not-satisfied', reason: bad.length === 0 ? 'pass' : failed.length > 0 ? 'fail' : 'other', remarks: `As far as ${rules} of the benchmark ask. The rest of the control is for the assessor.` },
    },
    ...(requirement === undefined ? {} : { 'implementation-statement-uuid': requirement.uuid }),
    'related-observations': verdicts.map((verdict) => ({ 'observation-uuid': id(`observation ${named(verdict)}`) })),
    ...(failed.length === 0 ? {} : { 'related-risks': failed.map((verdict) => ({ 'risk-uuid': id(`risk ${named(verdict)}`) })) }),
  }
}
