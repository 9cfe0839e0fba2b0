import { Fault } from '../../bundle/fault.ts'
import { CODES } from '../codes.ts'
import type { FaultRecord } from './journal.ts'

/** A fault that happened on a host, as one's own: same code, same words, and where. */
export function faultFrom(record: FaultRecord, host: string): Fault {
  const known = (CODES as Readonly<Record<string, (typeof CODES)[keyof typeof CODES]>>)[record.code]
  const doc = known ?? { exit: record.exit as Fault['exit'], title: record.message, meaning: '', next: `sallyport explain ${record.code}` }
  const { expected, found, faults } = record
  return new Fault(record.code, doc, `on ${host}: ${record.message}`, {
    ...(expected === undefined ? {} : { expected }),
    ...(found === undefined ? {} : { found }),
    ...(faults === undefined ? {} : { faults }),
  })
}
