import { randomUUID } from 'node:crypto'
import type { PublishAnswer, PublishRequest } from '../api.ts'
import type { Access, Connection } from '../audit/event.ts'
import { publishContract } from '../catalog/publication.ts'
import { fault } from '../codes.ts'
import type { Contract } from '../contracts/contract.ts'
import { parseContract } from '../contracts/parse.ts'
import { checkRecords } from '../contracts/records.ts'
import type { CheckedRecords } from '../contracts/records.ts'
import { MeshFault } from '../fault.ts'
import type { Reader } from '../identity/reader.ts'
import { aboveCeiling } from '../labels/algebra.ts'
import { banner } from '../labels/marking.ts'
import { LAKE_BUCKET, storeTable } from '../lake/publication.ts'
import { publishSchema } from '../schemas/publish.ts'
import type { PendingSchema } from '../schemas/publish.ts'
import type { Services } from '../services.ts'

/**
 * Publishes records under a contract: checked whole, decided, logged, stored, then made current in one transaction.
 * Whatever fails, consumers go on seeing what they saw. Throws E_MESH_CONTRACT, E_MESH_RECORDS, E_MESH_CEILING,
 * E_MESH_DENIED, E_MESH_CONFLICT, E_MESH_INCOMPATIBLE.
 */
export async function publish(
  services: Services,
  reader: Reader,
  connection: Connection,
  request: PublishRequest,
): Promise<PublishAnswer> {
  const { policy, governance, ceiling, decisions, audit, catalog } = services
  const base = { act: 'publish', reader, connection } as const
  if (reader.domain === undefined) {
    await audit.record({ ...base, allowed: false, reasons: ['other-domain'], products: [] })
    throw fault('E_MESH_DENIED', 'this person publishes for no domain', { faults: ['other-domain'] })
  }
  const contract = parseContract(request.contract, policy, governance)
  const above = [contract.dataLabel, contract.catalogLabel].flatMap((label) => aboveCeiling(policy, label, ceiling))
  if (above.length > 0) {
    throw fault('E_MESH_CEILING', 'the contract is above the ceiling of this site', { faults: [...new Set(above)] })
  }
  const checked = checkRecords(contract, request.records, policy, governance, ceiling)
  const existing = await catalog.existing(contract.domain, contract.name)
  const id = existing?.id ?? randomUUID()
  const decision = decisions.decide(reader, 'publish', checked.label, contract.domain)
  const access: Access = {
    ...base,
    allowed: decision.allowed,
    reasons: decision.reasons,
    products: [{ id, domain: contract.domain, name: contract.name }],
    label: checked.label,
    records: checked.records.length,
    text: `${contract.domain}/${contract.name} ${contract.version}`,
  }
  await audit.record(access)
  if (!decision.allowed) throw fault('E_MESH_DENIED', 'the policy denies publishing this', { faults: decision.reasons })
  const stored = await store(services, reader, id, contract, checked).catch(async (error: unknown) => {
    await audit.record({ ...access, failure: error instanceof MeshFault ? error.code : 'E_MESH_INTERNAL' })
    throw error
  })
  return {
    product: `${contract.domain}/${contract.name}`,
    id: stored.id,
    version: contract.version,
    records: checked.records.length,
    label: checked.label,
    marking: banner(policy, checked.label),
  }
}

async function store(
  services: Services,
  reader: Reader,
  id: string,
  contract: Contract,
  checked: CheckedRecords,
): Promise<{ readonly id: string }> {
  const { store: objects, schemas, now, log } = services
  let schema: PendingSchema | undefined
  const written: string[] = []
  try {
    const published = await publishContract(services, id, contract, reader.subject, now(), async (product, client) => {
      schema = schemas && (await publishSchema(schemas, product, contract))
      const table = await storeTable(services, client, product.id, contract, checked, now(), written)
      const { label, completeness, records } = checked
      return { ...table, records: records.length, completeness, label }
    })
    // The publication stands whatever becomes of the marks: the next one makes good what is missing.
    await schema?.settle().catch((error: unknown) => log({ level: 'error', message: `versions not marked deprecated: ${String(error)}` }))
    return published
  } catch (error) {
    // Nothing points to these objects: what is left of them is in nobody's way, but it is data, so it goes.
    for (const key of written) await objects.remove(LAKE_BUCKET, key).catch(() => undefined)
    await schema?.withdraw()
    throw error
  }
}
