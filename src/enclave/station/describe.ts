import { planId, type Plan } from '../plan/plan.ts'
import type { SiteStatus } from './status.ts'

/** A plan as a person reviews it. */
export function describePlan(plan: Plan): string {
  const { release, from } = plan
  const seconds = plan.steps.reduce((sum, step) => sum + step.estimateSeconds, 0)
  const width = Math.max(...plan.steps.map((step) => step.title.length))
  const lines = [
    `Plan ${planId(plan)}: ${plan.kind} of ${release.name} ${release.version} (sequence ${release.sequence}) on site ${plan.site.name}`,
    from ? `  from ${from.name} ${from.version} (sequence ${from.sequence})` : '  nothing runs yet, or this very release',
    `  marking ${plan.marking}; sha512 of bundle.json ${release.digest.slice(0, 32)}…`,
    ...plan.notes.map((note) => `  note: ${note}`),
    '',
    ...plan.steps.map(
      (step, at) =>
        `  ${String(at + 1).padStart(2)}. ${step.title.padEnd(width)}  ${step.host}, ${step.where === 'station' ? 'from the station' : 'on the depot'}, about ${step.estimateSeconds} s\n` +
        `      why:  ${step.reason}\n      undo: ${step.undo}`,
    ),
    ...(plan.undo.length > 0
      ? ['', '  If a step from the first that users notice fails, the release before is put back:', ...plan.undo.map((step) => `      ${step.title}: ${step.reason}`)]
      : []),
    '',
    `  About ${Math.ceil(seconds / 60)} minute(s) in all.`,
  ]
  return lines.join('\n')
}

export function describeStatus(status: SiteStatus): string {
  const { running, previous, active } = status
  return [
    `Site ${status.site}, depot ${status.host}`,
    running
      ? `  runs      ${running.name} ${running.version}, sequence ${running.sequence}, since ${status.since}\n            sha512 of bundle.json ${running.digest}`
      : '  runs      nothing',
    ...(status.broken ? ['  BROKEN    neither release is sure to run: sallyport rollback --site DIR'] : []),
    `  before    ${previous ? `${previous.name} ${previous.version}, sequence ${previous.sequence} (sallyport rollback goes back to it)` : 'none kept'}`,
    ...Object.entries(status.floors).filter(([, floor]) => floor.sequence > 0).map(([name, floor]) => `  floor     ${name}: sequence ${floor.sequence}`),
    `  policy    version ${status.policy.version}, sha512 ${status.policy.digest.slice(0, 32)}…`,
    active ? `  at work   ${active.kind}, plan ${active.plan}, step ${active.step}` : '  at work   nothing',
    ...status.waiting.map(({ service, host, since }) => `  waits     for the certificate of ${service} on ${host}, asked for since ${since}`),
    ...status.services.map((service) => `  service   ${service.host}: ${service.unit} ${service.state}`),
    ...status.away.map(({ host, found }) => `  AWAY      ${host}: ${found}`),
  ].join('\n')
}
