import { createHash } from 'node:crypto'
import type { Bundle } from '../bundle/bundle.ts'
import { LAYOUT } from '../bundle/layout.ts'
import type { LinkedFile } from '../evidence/oscal/document.ts'
import { fault } from './codes.ts'
import type { Claims } from './documents/oscal-results.ts'

const PATH = `${LAYOUT.evidence}/oscal/component-definition.json`
const LIMIT = 64 << 20

interface Definition {
  readonly 'component-definition': {
    readonly components: readonly {
      readonly 'control-implementations'?: readonly { readonly 'implemented-requirements': readonly { readonly uuid: string; readonly 'control-id': string; readonly links?: readonly { readonly href: string }[] }[] }[]
    }[]
    readonly 'back-matter'?: { readonly resources: readonly { readonly uuid: string; readonly title: string; readonly rlinks: readonly { readonly hashes: readonly { readonly value: string }[] }[] }[] }
  }
}

/** The component definition of a bundle whose signatures were accepted. Throws E_ASSESSMENT_BUNDLE when it is not of the running release. */
export async function claimsOf(bundle: Bundle, running: string | undefined): Promise<Claims> {
  if (running !== undefined && bundle.digest !== running)
    throw fault('E_ASSESSMENT_BUNDLE', `${bundle.directory} is not the release that runs`, { expected: `sha512 ${running}`, found: `sha512 ${bundle.digest}` })
  const bytes = await bundle.readFile(PATH, LIMIT)
  if (bytes === undefined) throw fault('E_ASSESSMENT_BUNDLE', `${bundle.directory} carries no ${PATH}`, { expected: 'a bundle with an OSCAL component definition', found: 'none' })
  const { 'component-definition': definition } = JSON.parse(bytes.toString('utf8')) as Definition
  const files = new Map<string, LinkedFile>((definition['back-matter']?.resources ?? []).map(({ uuid, title, rlinks }) => [uuid, { path: title, sha512: rlinks[0]?.hashes[0]?.value ?? '' }]))
  const requirements = definition.components.flatMap((component) => (component['control-implementations'] ?? []).flatMap((one) => one['implemented-requirements']))
  return {
    definition: { path: PATH, sha512: createHash('sha512').update(bytes).digest('hex') },
    requirements: new Map(requirements.map(({ uuid, 'control-id': control, links = [] }) => [control, { uuid, files: links.flatMap(({ href }) => files.get(href.slice(1)) ?? []) }])),
  }
}
