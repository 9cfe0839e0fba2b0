import { controlName } from '../assessment/documents/control-name.ts'
import { BENCHMARK } from '../assessment/benchmark.ts'

/** `docs/reference/benchmark.md`: every rule that `sallyport assess` asks. */
export function benchmarkPage(note: string): string {
  const rules = BENCHMARK.rules.map(({ id, title, severity, controls, check, fix, discussion, shows }) =>
    [
      `## ${id}: ${title}`,
      `Severity ${severity}. SP 800-53 rev. 5: ${controls.map(controlName).join(', ')}.`,
      `Asked: ${check}`,
      `Why: ${discussion}`,
      `When it fails: ${fix}`,
      `Shown by: ${shows.map((path) => `\`${path.replace(/^source:/, '')}\``).join(', ')}.`,
    ].join('\n\n'),
  )
  return [
    `# Benchmark: ${BENCHMARK.title} ${BENCHMARK.version}`,
    note,
    `${BENCHMARK.description} Version ${BENCHMARK.version} of ${BENCHMARK.date}, ${BENCHMARK.rules.length} rules. It is ours: no STIG or other benchmark of a third party is claimed.`,
    ...rules,
  ].join('\n\n') + '\n'
}
