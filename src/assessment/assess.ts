import { createHash } from 'node:crypto'
import { Fault } from '../bundle/fault.ts'
import { LAYOUT } from '../bundle/layout.ts'
import type { OnProgress } from '../bundle/fault.ts'
import { releaseId } from '../enclave/paths.ts'
import { Connection, type Login } from '../enclave/remote/connection.ts'
import { operatorKey } from '../enclave/remote/operator-key.ts'
import { depotOf, type SiteHost } from '../enclave/site/site.ts'
import type { SiteFiles } from '../enclave/station/site-files.ts'
import type { AssessedHost, Assessment, Verdict } from './assessment.ts'
import { BENCHMARK } from './benchmark.ts'
import { certificatesOf } from './certificates.ts'
import { JUDGES } from './judge/judges.ts'
import type { Subject } from './judge/subject.ts'
import { auditProof, depotRecords, hostFacts, releaseFiles, type Asked } from './observe/facts.ts'
import { judgeRecords, type SignedRelease } from './release.ts'
import { judgeServed, questionOf } from './served.ts'

export interface AssessOptions {
  /** The station's clock: the one place that time comes from. */
  readonly now: () => Date
  /** Version of this program. */
  readonly program: string
  readonly onProgress?: OnProgress
}

/** Asks every host of a site what can be seen there, and judges it by each rule. Changes nothing; a host that is away is not checked. */
export async function assessSite(files: SiteFiles, login: Login, { now, program, onProgress }: AssessOptions): Promise<Assessment> {
  const { site, policy } = files
  const started = now()
  const operator = await faultless(async () => (await operatorKey(login)).publicKey.toString('base64'))
  const say = (note: string, done: number): void => onProgress?.({ done, total: site.hosts.length + 1, unit: 'items', note })
  say('the release on the depot', 0)
  const release = await onHost(depotOf(site), login, (connection) => releaseOn(connection, files, now()))
  const services = 'answer' in release ? release.answer.services : release
  const hosts: AssessedHost[] = []
  const subjects: Subject[] = []
  for (const [index, host] of site.hosts.entries()) {
    say(host.name, index + 1)
    const asked = await onHost(host, login, async (connection) => {
      const facts = await hostFacts(connection, depotOf(site).address)
      const at = now()
      const certificates = await certificatesOf(connection, files, at)
      const audit = host.roles.includes('control-plane') ? await auditProof(connection) : ({ why: 'this host has no control plane' } as const)
      return { answer: { facts, at, certificates, audit } }
    })
    const away = 'why' in asked ? { why: asked.why } : undefined
    const found = 'answer' in asked ? asked.answer : undefined
    subjects.push({
      ...{ site, host, services, release, operatorKey: operator, now: found?.at ?? now() },
      facts: found?.facts ?? away ?? { why: 'not asked' },
      certificates: found?.certificates ?? away ?? { why: 'not asked' },
      audit: found?.audit ?? away ?? { why: 'not asked' },
    })
    const { name, address, roles } = host
    hosts.push({ name, address, roles, observed: found && observedOf(found) })
  }
  return {
    site: { id: site.id, name: site.name, domain: site.domain, ceiling: site.ceiling },
    policy: { version: policy.payload.version, digest: policy.digest },
    release: 'answer' in release ? { name: release.answer.statement.name, version: release.answer.statement.version, digest: release.answer.digest } : undefined,
    started: started.toISOString(),
    ended: now().toISOString(),
    program,
    hosts,
    verdicts: verdictsOn(subjects),
  }
}

/** Every rule on every host: by rule, then by host. */
export function verdictsOn(subjects: readonly Subject[]): Verdict[] {
  return BENCHMARK.rules.flatMap((rule) => {
    const judge = JUDGES[rule.id]
    if (!judge) throw new TypeError(`nobody judges ${rule.id}`)
    return subjects.map((subject) => ({ rule, host: subject.host.name, ...judge(subject) }))
  })
}

async function releaseOn(connection: Connection, { policy }: SiteFiles, now: Date): Promise<Asked<SignedRelease>> {
  const records = await depotRecords(connection)
  if ('why' in records) return records
  const judged = await judgeRecords(records.answer, policy, now)
  if ('why' in judged) return judged
  const { statement, digest } = judged.answer
  const found = await releaseFiles(connection, { release: releaseId({ ...statement, digest }), ...questionOf(statement) })
  if ('why' in found) return { answer: { ...judged.answer, served: found, services: found, observer: undefined } }
  const bytes = Buffer.from(records.answer.manifests[digest]?.[LAYOUT.statement] ?? '', 'base64')
  return { answer: { ...judged.answer, ...(await judgeServed(statement, createHash('sha256').update(bytes).digest('hex'), found.answer)) } }
}

async function onHost<T>(host: SiteHost, login: Login, work: (connection: Connection) => Promise<Asked<T>>): Promise<Asked<T>> {
  let connection: Connection | undefined
  try {
    connection = await Connection.open(host, login)
    return await work(connection)
  } catch (error) {
    if (error instanceof Fault) return { why: error.message }
    throw error
  } finally {
    connection?.close()
  }
}

async function faultless<T>(work: () => Promise<T>): Promise<Asked<T>> {
  try {
    return { answer: await work() }
  } catch (error) {
    if (error instanceof Fault) return { why: error.message }
    throw error
  }
}

/** What goes into the folder as seen: the answers themselves, with the reasons where there are none. */
function observedOf({ facts, certificates, audit, at }: Pick<Subject, 'facts' | 'certificates' | 'audit'> & { readonly at: Date }): object {
  return { at: at.toISOString(), host: 'answer' in facts ? facts.answer : facts, certificates: 'answer' in certificates ? certificates.answer : certificates, auditLog: 'answer' in audit ? audit.answer : audit }
}
