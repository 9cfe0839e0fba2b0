import type { Bundle } from '../bundle/bundle.ts'
import { LAYOUT } from '../bundle/layout.ts'
import { fault } from './codes.ts'
import type { BomComponent } from './cyclonedx.ts'

/** Far above any document of ours; a bundle by someone else is not read without end. */
const LIMIT = 256 << 20

/** A CycloneDX document, as far as it is read again. */
export interface ReadBom {
  readonly metadata: { readonly timestamp?: string; readonly component: BomComponent }
  readonly components: readonly BomComponent[]
}

/** A JSON document under evidence/, its bytes checked. Undefined when the bundle has none. @throws E_EVIDENCE_INVALID and those of Bundle.readFile */
export async function readEvidence(bundle: Bundle, path: string): Promise<unknown> {
  const bytes = await bundle.readFile(`${LAYOUT.evidence}/${path}`, LIMIT)
  if (bytes === undefined) return undefined
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    throw fault('E_EVIDENCE_INVALID', `evidence/${path} of ${bundle.directory} is not JSON`, { cause })
  }
}

/** @throws E_EVIDENCE_ABSENT, E_EVIDENCE_INVALID */
export async function readBom(bundle: Bundle, path: string): Promise<ReadBom> {
  const value = await readEvidence(bundle, path)
  if (value === undefined)
    throw fault('E_EVIDENCE_ABSENT', `${bundle.directory} has no evidence/${path}`, { expected: 'an SBOM in CycloneDX', found: 'none' })
  const { bomFormat, metadata, components } = value as Partial<ReadBom> & { bomFormat?: unknown }
  if (bomFormat !== 'CycloneDX' || metadata?.component === undefined || !Array.isArray(components))
    throw fault('E_EVIDENCE_INVALID', `evidence/${path} of ${bundle.directory} is no CycloneDX document with components`)
  return value as ReadBom
}

export function propertiesOf({ properties = [] }: BomComponent, name: string): string[] {
  return properties.filter((one) => one.name === `sallyport:${name}`).map(({ value }) => value)
}
