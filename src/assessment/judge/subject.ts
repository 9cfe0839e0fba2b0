import type { Site, SiteHost } from '../../enclave/site/site.ts'
import { notChecked, type Outcome } from '../assessment.ts'
import type { Services } from '../declared.ts'
import type { Asked, AuditProof, HostFacts } from '../observe/facts.ts'
import type { Certificates } from '../certificates.ts'
import type { SignedRelease } from '../release.ts'

/** All that the rules are judged by, for one host. */
export interface Subject {
  readonly site: Site
  readonly host: SiteHost
  /** The station's clock when the host answered. */
  readonly now: Date
  readonly facts: Asked<HostFacts>
  /** What services.json of the running release declares. */
  readonly services: Asked<Services>
  readonly release: Asked<SignedRelease>
  readonly certificates: Asked<Certificates>
  readonly audit: Asked<AuditProof>
  /** The operator's public key, as base64 of its SSH blob. */
  readonly operatorKey: Asked<string>
}

/** Judges one rule on one host. */
export type Judge = (subject: Subject) => Outcome

/** Judges what a host said in one section of its facts; without it the rule is not checked. */
export function onFacts<K extends keyof Omit<HostFacts, 'errors'>>(name: K, judge: (found: NonNullable<HostFacts[K]>, subject: Subject) => Outcome): Judge {
  return (subject) => {
    const { facts } = subject
    if ('why' in facts) return notChecked(facts.why)
    const found = facts.answer[name]
    if (found === undefined || found === null) return notChecked(facts.answer.errors[name] ?? `the host said nothing of ${name}`)
    return judge(found as NonNullable<HostFacts[K]>, subject)
  }
}

/** Goes on with an answer; without it the rule is not checked. */
export function withAnswer<T>(asked: Asked<T>, judge: (answer: T) => Outcome): Outcome {
  return 'why' in asked ? notChecked(asked.why) : judge(asked.answer)
}
