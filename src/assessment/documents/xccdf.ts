import type { AssessedHost, Assessment, Result, Verdict } from '../assessment.ts'
import { BENCHMARK, type Rule } from '../benchmark.ts'
import { controlName } from './control-name.ts'
import { element } from './xml.ts'

const NAMESPACE = 'http://checklists.nist.gov/xccdf/1.2'
const CONTROLS = 'https://csrc.nist.gov/pubs/sp/800/53/r5/upd1/final'
const CHECK = 'urn:sallyport:assess'
const ID = (kind: string, name: string): string => `xccdf_sallyport_${kind}_${name}`

const RESULT: Readonly<Record<Result, string>> = { pass: 'pass', fail: 'fail', 'not-checked': 'notchecked', 'not-applicable': 'notapplicable' }
const SCORE = 'urn:xccdf:scoring:flat-unweighted'

/**
 * XCCDF 1.2 (NISTIR 7275 revision 4) of one host: the benchmark with all its rules, and what came of each. One file a
 * host, as tools that read results expect.
 */
export function xccdfResults(assessment: Assessment, host: AssessedHost): Buffer {
  const verdicts = assessment.verdicts.filter((verdict) => verdict.host === host.name)
  const text = element('Benchmark', { xmlns: NAMESPACE, id: ID('benchmark', BENCHMARK.id), 'xml:lang': 'en', resolved: 'true' }, [
    element('status', { date: BENCHMARK.date }, 'accepted'),
    element('title', {}, BENCHMARK.title),
    element('description', {}, BENCHMARK.description),
    element('version', {}, BENCHMARK.version),
    ...BENCHMARK.rules.map(group),
    testResult(assessment, host, verdicts),
  ])
  return Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>\n${text}\n`)
}

function group(rule: Rule): string {
  return element('Group', { id: ID('group', rule.id) }, [
    element('title', {}, rule.title),
    element('Rule', { id: ID('rule', rule.id), severity: rule.severity, weight: '10.0' }, [
      element('version', {}, rule.id),
      element('title', {}, rule.title),
      element('description', {}, rule.discussion),
      ...rule.controls.map((control) => element('reference', { href: CONTROLS }, controlName(control))),
      element('fixtext', {}, rule.fix),
      element('check', { system: CHECK }, [element('check-content', {}, rule.check)]),
    ]),
  ])
}

function testResult({ site, release, started, ended, program }: Assessment, { name, address, roles }: AssessedHost, verdicts: readonly Verdict[]): string {
  const judged = verdicts.filter(({ result }) => result === 'pass' || result === 'fail')
  const fact = (key: string, value: string): string => element('fact', { name: `urn:sallyport:fact:${key}`, type: 'string' }, value)
  return element(
    'TestResult',
    { id: ID('testresult', `${site.name}-${name}`), 'start-time': started, 'end-time': ended, 'test-system': `sallyport:${program}`, version: BENCHMARK.version },
    [
      element('benchmark', { href: `#${ID('benchmark', BENCHMARK.id)}`, id: ID('benchmark', BENCHMARK.id) }),
      element('title', {}, `${name} of the site ${site.name}`),
      element('target', {}, name),
      element('target-address', {}, address),
      element('target-facts', {}, [fact('site', site.id), fact('fqdn', `${name}.${site.domain}`), fact('roles', roles.join(' ')), ...(release ? [fact('release', `${release.name} ${release.version}`), fact('release-sha512', release.digest)] : [])]),
      ...verdicts.map(({ rule, result, evidence }) =>
        element('rule-result', { idref: ID('rule', rule.id), time: ended, version: rule.id, severity: rule.severity, weight: '10.0' }, [
          element('result', {}, RESULT[result]),
          element('message', { severity: result === 'fail' ? 'error' : 'info' }, evidence.join('\n')),
          element('check', { system: CHECK }, []),
        ]),
      ),
      element('score', { system: SCORE, maximum: String(judged.length) }, String(judged.filter(({ result }) => result === 'pass').length)),
    ],
  )
}
