import { parseChain } from '../../enclave/journal/chain.ts'
import { Fault } from '../../bundle/fault.ts'
import type { CustodyEntry } from '../../enclave/floor/memory.ts'
import { judged, notApplicable, type Outcome } from '../assessment.ts'
import { onFacts, withAnswer, type Judge, type Subject } from './subject.ts'

const onDepot = (judge: (subject: Subject) => Outcome): Judge => (subject) =>
  subject.host.roles.includes('depot') ? judge(subject) : notApplicable('asked of the depot')

/** SLP-100 */
export const releaseSigned: Judge = onDepot(({ release }) => {
  if ('why' in release && release.wrong) return judged([release.why], [])
  return withAnswer(release, ({ statement, digest, reasons, state, signers }) =>
    judged(
      [...reasons, ...(state.broken ? ['neither the new nor the old release runs whole: the site is broken'] : [])],
      [`${statement.name} ${statement.version}, sequence ${statement.sequence}, sha512 ${digest}`, `signed by ${signers.join(', ')}`],
    ),
  )
})

/** SLP-110 */
export const servedAsSigned: Judge = onDepot(({ release }) => withAnswer(release, ({ served }) => withAnswer(served, ({ faults, files }) => judged(faults, [`${files} files hashed; each is what was signed`]))))

/** SLP-120 */
export const programSigned: Judge = onFacts('program', (program, { release }) =>
  withAnswer(release, ({ installers }) => {
    const name = installers.get(program)
    return judged(name === undefined ? [`/opt/sallyport/bin/sallyport has sha512 ${program}, which no accepted release signs`] : [], [`the installer of ${name}`])
  }),
)

/** SLP-140 */
export const certificatesGood: Judge = ({ certificates, host }) =>
  withAnswer(certificates, ({ services }) => {
    const faults = services.flatMap(({ service, faults: wrong, waiting }) => [
      ...wrong.map((fault) => `${service}: ${fault}`),
      ...(waiting ? [`${service}: asked for since ${waiting.since} and not issued`] : []),
    ])
    return judged(services.length === 0 ? [`${host.name} holds no certificate`] : faults, services.map(({ service, serial, notAfter }) => `${service}: serial ${serial ?? ''}, until ${notAfter ?? ''}`))
  })

/** SLP-150 */
export const listsInForce: Judge = ({ certificates }) =>
  withAnswer(certificates, ({ lists }) => judged(lists.faults, lists.seen))

/** SLP-190 */
export const auditProven: Judge = ({ host, audit }) => {
  if (!host.roles.includes('control-plane')) return notApplicable('asked of hosts with a control plane')
  return withAnswer(audit, ({ code, events, proof, said }) => {
    const parts = Object.entries(proof?.instances ?? {})
    const faults = code === 0 && proof !== null ? [] : [`verify-audit ended with ${code}: ${said.join(' ')}`]
    if (code === 0 && parts.length === 0) faults.push('the log has no part: nothing was ever written')
    return judged(faults, [`${events} events proven`, ...parts.map(([instance, part]) => `${instance}: ${part.batches} batches, ${part.events} events, root ${part.root}`)])
  })
}

/** SLP-200 */
export const custodyWhole: Judge = onDepot(({ release }) =>
  withAnswer(release, ({ custody, digest }) => {
    if (custody === undefined) return judged(['there is no record of what was taken'], [])
    try {
      const { entries, head } = parseChain<CustodyEntry>(custody, 'custody.jsonl')
      const last = entries.findLast(({ event }) => event !== 'imported')
      const faults = last?.digest === digest ? [] : [`the last release that was committed or gone back to is ${last ? `${last.bundle}, sha512 ${last.digest}` : 'none'}, and sha512 ${digest} runs`]
      return judged(faults, [`${entries.length} entries; the last has sha512 ${head}`, `${last?.event ?? ''} ${last?.bundle ?? ''} at ${last?.time ?? ''}`])
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      return judged([error.message, ...(error.detail.found === undefined ? [] : [error.detail.found])], [])
    }
  }),
)
