import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { blobRefOf, sha512 } from './digests.ts'
import { verdictsOn } from '../../../src/assessment/assess.ts'
import type { Assessment, Verdict } from '../../../src/assessment/assessment.ts'
import type { Services } from '../../../src/assessment/declared.ts'
import type { Subject } from '../../../src/assessment/judge/subject.ts'
import type { HostFacts } from '../../../src/assessment/observe/facts.ts'
import type { SignedRelease } from '../../../src/assessment/release.ts'
import type { Statement } from '../../../src/bundle/statement.ts'
import { SERVICES } from '../../../src/cli/ports-page.ts'
import { FIELDS } from '../bundle-fixture.ts'
import { siteOf } from '../enclave-fixture.ts'

/** What a lab host with the whole mesh answered on 2026-11-30, its report of drift emptied. */
export const ANSWERED = JSON.parse(readFileSync(join(import.meta.dirname, 'h1.json'), 'utf8')) as Required<HostFacts>
/** When it did. */
const AT = new Date(ANSWERED.clock * 1000)

const HOST = {
  name: 'h1',
  address: '198.51.100.2',
  port: 22,
  hostKeys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFUQ1JDgCE+ZAIaMhHaVzxiwJSAECkXym72JF65CUmzl'],
  roles: ['depot', 'postgresql', 'object-store', 'keycloak', 'schema-registry', 'control-plane', 'prometheus', 'alertmanager', 'node-exporter', 'proxy'],
}
export const SITE = siteOf({ domain: 'enclave.example', hosts: [HOST] })

const digest = sha512('bundle.json')
const statement = {
  ...FIELDS,
  name: 'mesh',
  images: [...new Set(ANSWERED.containers.running.map(({ image }) => image))].map((image, index) => ({ name: `image-${index}`, reference: `localhost/image-${index}:1.0.0`, manifest: blobRefOf(image) })),
} as unknown as Statement

/** A release that is as it should be: how it is judged itself is tested with real bundles, in assessment-release.test.ts. */
const RELEASE: SignedRelease = {
  statement,
  digest,
  reasons: [],
  signers: ['Ann Publisher 0123456789abcdef'],
  state: { formatVersion: 1, site: 'demo', running: { kind: 'release', name: 'mesh', version: '1.0.0', sequence: 100, digest }, floors: {} },
  custody: Buffer.from(`${JSON.stringify({ number: 0, time: '2026-11-30T00:00:00.000Z', previous: '0'.repeat(128), event: 'committed', bundle: 'mesh 1.0.0', digest })}\n`),
  installers: new Map([[ANSWERED.program ?? '', 'mesh 1.0.0']]),
  observer: ANSWERED.drift.program ?? undefined,
  services: { answer: SERVICES as unknown as Services },
  served: { answer: { faults: [], files: 812 } },
}

const WELL: Subject = {
  site: SITE,
  host: SITE.hosts[0] as Subject['host'],
  now: AT,
  facts: { answer: ANSWERED },
  services: RELEASE.services,
  release: { answer: RELEASE },
  certificates: { answer: { services: [{ service: 'host', serial: '01', notAfter: '2027-11-30T00:00:00.000Z', faults: [] }], lists: { faults: [], seen: ['CN=Demo: number 2'] } } },
  audit: { answer: { code: 0, events: 20, proof: { instances: { h1: { batches: 20, events: 20, root: 'ab'.repeat(48) } } }, said: [] } },
  operatorKey: { answer: ANSWERED.ssh.keys[0]?.split(' ')[1] ?? '' },
}

/** The lab host, with some of what is judged replaced. */
export function subject(change: Partial<Subject> = {}): Subject {
  return { ...WELL, ...change }
}

export const facts = (change: Partial<HostFacts>): Pick<Subject, 'facts'> => ({ facts: { answer: { ...ANSWERED, ...change } } })
export const release = (change: Partial<SignedRelease>): Pick<Subject, 'release'> => ({ release: { answer: { ...RELEASE, ...change } } })

/** Ids of the rules that this subject does not meet, with their verdicts. */
export function notMet(change: Partial<Subject>): Map<string, Verdict> {
  const bad = verdictsOn([subject(change)]).filter(({ result }) => result === 'fail' || result === 'not-checked')
  return new Map(bad.map((verdict) => [verdict.rule.id, verdict]))
}

/** A whole assessment of these subjects. */
export function assessmentOf(subjects: readonly Subject[]): Assessment {
  return {
    site: { id: SITE.id, name: SITE.name, domain: SITE.domain, ceiling: SITE.ceiling },
    policy: { version: 1, digest: 'b'.repeat(128) },
    release: { name: 'mesh', version: '1.0.0', digest },
    started: '2026-11-30T12:00:00.000Z',
    ended: '2026-11-30T12:00:09.000Z',
    program: '1.0.0',
    hosts: subjects.map(({ host, facts: found }) => ({ name: host.name, address: host.address, roles: host.roles, observed: 'answer' in found ? found.answer : undefined })),
    verdicts: verdictsOn(subjects),
  }
}
