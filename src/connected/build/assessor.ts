import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { sha512 } from '../../bundle/digest.ts'
import type { ContentStore } from '../../bundle/store.ts'
import type { BundleParts, PlainFile } from '../../bundle/write.ts'
import type { Finding } from '../../evidence/advisories/findings.ts'
import { rightsOf, type Right } from '../../evidence/diff/services.ts'
import { componentDefinition, type ClaimWithFiles } from '../../evidence/oscal/component-definition.ts'
import { CONTROL_CLAIMS } from '../../evidence/oscal/controls.ts'
import type { About, LinkedFile } from '../../evidence/oscal/document.ts'
import { planOfAction } from '../../evidence/oscal/poam.ts'
import type { Packages } from '../../evidence/packages.ts'
import { poamTable, portsTable, softwareTable } from '../../evidence/tables.ts'

const CHECKOUT = new URL('../../../', import.meta.url)
const SERVICES = /(?:^|\/)group_vars\/all\/services\.json$/
const SERVICES_LIMIT = 4 << 20

interface Assessed {
  readonly about: About
  readonly packages: Packages
  /** Undefined when no advisories are at hand. */
  readonly findings: readonly Finding[] | undefined
  readonly images: readonly { readonly name: string; readonly bom: { readonly path: string; readonly sha512: string } }[]
  /** Files under evidence/ so far. */
  readonly evidence: readonly { readonly path: string; readonly bytes: Buffer }[]
  readonly docs: readonly PlainFile[]
  readonly iac: BundleParts['iac']
  readonly store: ContentStore
}

/** What assessors load into their own tools, under evidence/: OSCAL documents and tables. Each claim points at files by digest. */
export async function assessorEvidence({ about, packages, findings, images, evidence, docs, iac, store }: Assessed): Promise<{ path: string; bytes: Buffer }[]> {
  const rights = await rightsAt(iac, store)
  const tables = [
    { path: 'tables/software.csv', bytes: softwareTable(packages) },
    ...(rights.length === 0 ? [] : [{ path: 'tables/ports.csv', bytes: portsTable(rights) }]),
    ...(findings === undefined ? [] : [{ path: 'tables/poam.csv', bytes: poamTable(findings) }]),
  ]
  const inBundle = new Map<string, string>()
  for (const { path, bytes } of [...evidence, ...tables]) inBundle.set(`evidence/${path}`, sha512(bytes))
  for (const page of docs) inBundle.set(`docs/${page.path}`, sha512('bytes' in page ? page.bytes : await readFile(page.file)))
  const services = new Set(rights.map(({ service }) => service))
  const claims: ClaimWithFiles[] = []
  for (const claim of CONTROL_CLAIMS) {
    if (claim.service !== undefined && !services.has(claim.service)) continue
    const own = claim.files.flatMap((path): LinkedFile[] => (inBundle.has(path) ? [{ path, sha512: inBundle.get(path) ?? '' }] : []))
    // Evidence that the claim is about must be there: pages about it alone show nothing.
    if (claim.files.some((path) => path.startsWith('evidence/') && !inBundle.has(path))) continue
    const files = [...own, ...(await testsOf(claim.tests))]
    if (files.length > 0) claims.push({ claim, files })
  }
  const definition = componentDefinition({ ...about, claims, images: images.map(({ name, bom }) => ({ name, bom: { path: `evidence/${bom.path}`, sha512: bom.sha512 } })) })
  const shows = { path: 'evidence/advisories.cdx.json', sha512: inBundle.get('evidence/advisories.cdx.json') ?? '' }
  const plan = findings === undefined ? undefined : planOfAction(about, findings, shows)
  return [...tables, { path: 'oscal/component-definition.json', bytes: definition }, ...(plan === undefined ? [] : [{ path: 'oscal/poam.json', bytes: plan }])]
}

async function rightsAt(iac: BundleParts['iac'], store: ContentStore): Promise<Right[]> {
  const entry = iac.flatMap(({ entries }) => entries).find(({ path }) => SERVICES.test(path))
  if (entry === undefined) return []
  return [...rightsOf((await store.bytes(entry.sha256, SERVICES_LIMIT)).toString('utf8')).values()]
}

/** Tests of this checkout, by the digest of their source. */
async function testsOf(paths: readonly string[]): Promise<LinkedFile[]> {
  const files: LinkedFile[] = []
  for (const path of paths) {
    const file = fileURLToPath(new URL(path, CHECKOUT))
    if (existsSync(file)) files.push({ path: `source:${path}`, sha512: sha512(await readFile(file)) })
  }
  return files
}
