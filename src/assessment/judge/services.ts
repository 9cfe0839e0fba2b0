import { judged } from '../assessment.ts'
import { serviceOf, uidsOf, type DeclaredService, type Services } from '../declared.ts'
import type { Container, ServiceProcess } from '../observe/facts.ts'
import { onFacts, withAnswer, type Judge } from './subject.ts'

type Rights = (process: ServiceProcess, declared: DeclaredService) => readonly string[]

/** A rule that is asked of every process of every declared service. */
function eachProcess(rights: Rights, seen: string, more: (facts: { readonly beside: readonly { unit: string; uid: number; command: string }[] }) => readonly string[] = () => []): Judge {
  return onFacts('containers', ({ running, beside }, { services }) =>
    withAnswer(services, (known) => {
      const faults = running.flatMap((container) => ofContainer(container, known, rights))
      const count = running.reduce((sum, { processes }) => sum + processes.length, 0)
      return judged([...faults, ...more({ beside })], [`${count} processes in ${running.length} containers: ${seen}`])
    }),
  )
}

function ofContainer({ name, processes }: Container, services: Services, rights: Rights): string[] {
  const declared = services[serviceOf(services, name) ?? '']
  // A container that nobody declared is SLP-080's; here it has no right at all.
  return processes.flatMap((process) => rights(process, declared ?? { listens: [] }).map((fault) => `${name}: ${process.command} ${fault}`))
}

/** SLP-050 */
export const ownAccounts: Judge = eachProcess(
  ({ uids }, declared) => (uids.length === 1 && uids[0] !== 0 && uidsOf(declared).includes(uids[0] ?? 0) ? [] : [`runs as ${uids.join(', ')}, declared is ${uidsOf(declared).join(' or ') || 'nothing'}`]),
  'each with the one declared account; beside them only conmon is root',
  ({ beside }) => beside.filter(({ uid, command }) => uid === 0 && command !== 'conmon').map(({ unit, command }) => `${unit}: ${command} runs as root beside the container`),
)

/** SLP-060 */
export const noPrivileges: Judge = eachProcess(
  ({ capabilities, noNewPrivileges }, { capabilities: declared = [] }) => [
    ...(declared.length > 0 ? [] : Object.entries(capabilities).filter(([, set]) => /[^0]/.test(set)).map(([name, set]) => `has ${name} ${set}`)),
    ...(noNewPrivileges ? [] : ['may gain privileges']),
  ],
  'no capability, no new privileges',
)

/** SLP-070 */
export const readOnlyRoot: Judge = eachProcess(({ readOnly }) => (readOnly ? [] : ['may write to its root file system']), 'root file system read-only')

/** SLP-080 */
export const signedImages: Judge = onFacts('containers', ({ running }, { services, release }) =>
  withAnswer(services, (known) =>
    withAnswer(release, ({ statement }) => {
      const images = new Map(statement.images.map(({ name, manifest }) => [`sha256:${manifest.sha256}`, name]))
      const faults = running.flatMap(({ name, unit, image }) => [
        ...(serviceOf(known, name) === undefined ? [`the container ${name} is no declared service`] : []),
        ...(unit === '' ? [`the container ${name} belongs to no unit`] : []),
        ...(images.has(image) ? [] : [`the container ${name} runs ${image || 'an image without digest'}, which ${statement.name} ${statement.version} does not sign`]),
      ])
      return judged(faults, running.map(({ name, image }) => `${name}: ${images.get(image) ?? ''} ${image}`))
    }),
  ),
)

/** SLP-090 */
export const unitsRun: Judge = onFacts('units', ({ states, failed }, { host }) => {
  const proxy = host.roles.includes('proxy')
  const observed = host.roles.includes('node-exporter')
  const asked = Object.entries(states).filter(([unit]) => (unit !== 'sallyport-firewall.service' || proxy) && (unit !== 'sallyport-observe.timer' || observed))
  const down = asked.filter(([, { active }]) => active !== 'active').map(([unit, { load, active }]) => `${unit} is ${load === 'loaded' ? active : load}`)
  return judged([...down, ...failed.map((unit) => `${unit} has failed`)], [`active: ${asked.map(([unit]) => unit).join(', ')}`])
})
