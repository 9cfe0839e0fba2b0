import { countOf, type Assessment, type Result, type Verdict } from '../assessment.ts'
import { BENCHMARK } from '../benchmark.ts'
import { controlName } from './control-name.ts'

const WORD: Readonly<Record<Result, string>> = { pass: 'pass', fail: 'FAIL', 'not-checked': 'NOT CHECKED', 'not-applicable': 'not applicable' }

/** The assessment as a plain page to be printed and signed: what fails first, then every rule with what was seen. */
export function assessmentSheet(assessment: Assessment): Buffer {
  const { site, policy, release, started, ended, program, hosts, verdicts } = assessment
  const count = countOf(verdicts)
  const bad = verdicts.filter(({ result }) => result === 'fail' || result === 'not-checked')
  const lines = [
    `ASSESSMENT OF THE SITE ${site.name}`,
    '',
    `Benchmark   ${BENCHMARK.title} ${BENCHMARK.version} of ${BENCHMARK.date}, ${BENCHMARK.rules.length} rules`,
    `Site        ${site.id}, ${site.domain}, ceiling ${site.ceiling}`,
    `Release     ${release ? `${release.name} ${release.version}` : 'could not be read'}`,
    ...(release ? [`            sha512 ${release.digest}`] : []),
    `Policy      version ${policy.version}, sha512 ${policy.digest}`,
    `Time        ${started} to ${ended}, by the station's clock`,
    `Program     sallyport ${program}`,
    ...hosts.map(({ name, address, roles, observed }) => `Host        ${name} ${address}: ${roles.join(', ')}${observed === undefined ? ' (DID NOT ANSWER)' : ''}`),
    '',
    `Result      ${count.pass} pass, ${count.fail} fail, ${count['not-checked']} not checked, ${count['not-applicable']} not applicable`,
    '',
    ...(bad.length === 0 ? ['Nothing fails, and nothing that applies was left unchecked.', ''] : ['WHAT IS NOT MET', '', ...bad.flatMap((verdict) => [...entry(verdict), `    to do: ${verdict.rule.fix}`, ''])]),
    'EVERY RULE',
    '',
    ...BENCHMARK.rules.flatMap((rule) => [
      `${rule.id}  ${rule.title}`,
      `    severity ${rule.severity}; SP 800-53 rev. 5 ${rule.controls.map(controlName).join(', ')}`,
      `    asked: ${rule.check}`,
      ...verdicts.filter((verdict) => verdict.rule === rule).flatMap(({ host, result, evidence }) => [`    ${host}: ${WORD[result]}`, ...evidence.map((line) => `        ${line}`)]),
      '',
    ]),
    'This says what was seen at that time. Whether a control is met is for the assessor to say.',
    '',
    'Assessor: ______________________________   Date: ______________   Signature: ______________________________',
    '',
  ]
  return Buffer.from(lines.flatMap((line) => wrapped(line, 110)).join('\n'))
}

function entry({ rule, host, result, evidence }: Verdict): string[] {
  return [`${rule.id}  ${host}: ${WORD[result]}  ${rule.title} (${rule.severity})`, ...evidence.map((line) => `    ${line}`)]
}

/** Lines of at most so many characters, the rest set further in; a word that is longer stays whole. */
function wrapped(line: string, width: number): string[] {
  if (line.length <= width) return [line]
  const indent = `${/^ */.exec(line)?.[0] ?? ''}    `
  const rows: string[] = []
  let row = ''
  for (const word of line.trimEnd().split(/(?<=\S) /)) {
    if (row !== '' && row.length + 1 + word.length > width) {
      rows.push(row)
      row = `${indent}${word}`
    } else row = row === '' ? word : `${row} ${word}`
  }
  return [...rows, row]
}
