import { readFile } from 'node:fs/promises'
import { sha512 } from '../../bundle/digest.ts'
import { advisoryDocument } from '../../evidence/advisories/document.ts'
import { claimsByName, findingsOf, type Finding } from '../../evidence/advisories/findings.ts'
import { claimsIn, INDEX_PATH, indexText, type SnapshotIndex, type SnapshotSource } from '../../evidence/advisories/snapshot.ts'
import { subjectsOf } from '../../evidence/advisories/subjects.ts'
import { parseOpenVex, type VexStatement } from '../../evidence/advisories/vex.ts'
import type { Packages } from '../../evidence/packages.ts'
import { fault } from '../codes.ts'
import type { Definition } from '../definition/definition.ts'
import { readAdvisories } from './read.ts'

interface EvidenceFile {
  readonly path: string
  readonly bytes: Buffer
}

export interface AdvisoryEvidence {
  readonly files: readonly EvidenceFile[]
  /** Absent when no advisories are at hand, or the bundle carries nothing else. */
  readonly findings?: readonly Finding[]
}

/** Files under evidence/ about known vulnerabilities: none when the definition names no source. Throws E_ADVISORIES_INVALID, E_VEX_INVALID. */
export async function advisoryEvidence(definition: Definition, packages: Packages, created: string): Promise<AdvisoryEvidence> {
  if (definition.advisories.length === 0) return { files: [] }
  // Advisories that travel by themselves are for releases that have gone before: every record counts.
  const alone = definition.fields.kind === 'advisory'
  const names = alone ? undefined : new Set(subjectsOf(packages).map(({ claimed }) => claimed))
  const { release } = definition.target
  const files: EvidenceFile[] = []
  const sources: SnapshotSource[] = []
  for (const plan of definition.advisories) {
    const { bytes, records, upstream } = await readAdvisories(plan, names, release)
    const path = `advisories/${plan.name}.json`
    files.push({ path, bytes })
    sources.push({ name: plan.name, format: plan.format, dated: plan.dated, release, path, sha512: sha512(bytes), records, upstream })
  }
  const { statements, documents } = await readVex(definition.vex)
  const vex: SnapshotIndex['vex'] = documents.map(({ path, bytes }) => ({ path, sha512: sha512(bytes) }))
  const carried = [{ path: INDEX_PATH, bytes: indexText(sources, vex) }, ...files, ...documents]
  if (alone) return { files: carried }
  const claims = sources.flatMap((source, index) => claimsIn(source, JSON.parse(files[index]?.bytes.toString('utf8') ?? '')))
  const findings = findingsOf(packages, claimsByName(claims), statements)
  const { name, version } = definition.fields
  return { files: [...carried, { path: 'advisories.cdx.json', bytes: advisoryDocument({ name, version, created }, findings, sources) }], findings }
}

async function readVex(plans: Definition['vex']): Promise<{ statements: VexStatement[]; documents: EvidenceFile[] }> {
  const statements: VexStatement[] = []
  const documents: EvidenceFile[] = []
  const faults: string[] = []
  for (const [index, { path, file }] of plans.entries()) {
    const bytes = await readFile(file)
    const read = parsed(bytes)
    faults.push(...read.faults.map((why) => `${path}: ${why}`))
    statements.push(...read.statements)
    documents.push({ path: `advisories/vex-${index + 1}.openvex.json`, bytes })
  }
  if (faults.length > 0) throw fault('E_VEX_INVALID', 'The VEX documents of the definition are not valid.', { faults })
  return { statements, documents }
}

function parsed(bytes: Buffer): ReturnType<typeof parseOpenVex> {
  try {
    return parseOpenVex(JSON.parse(bytes.toString('utf8')))
  } catch (error) {
    return { statements: [], faults: [`it is not JSON: ${error instanceof Error ? error.message : String(error)}`] }
  }
}
