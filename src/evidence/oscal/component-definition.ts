import type { ControlClaim } from './controls.ts'
import { metadataOf, resourceId, resourcesOf, text, type About, type LinkedFile } from './document.ts'
import { uuidOfName } from './uuid.ts'

/** The catalog that control ids are of. */
const CATALOG = 'https://raw.githubusercontent.com/usnistgov/oscal-content/main/nist.gov/SP800-53/rev5/json/NIST_SP-800-53_rev5_catalog.json'

export interface ClaimWithFiles {
  readonly claim: ControlClaim
  readonly files: readonly LinkedFile[]
}

export interface Definition extends About {
  readonly claims: readonly ClaimWithFiles[]
  readonly images: readonly { readonly name: string; readonly bom: LinkedFile }[]
}

/** An OSCAL component definition of a bundle: what its software does for controls, each claim with the files that show it. */
export function componentDefinition(definition: Definition): Buffer {
  const { name, version, claims, images } = definition
  const id = (what: string): string => uuidOfName(`${name} ${version} ${what}`)
  const files = [...claims.flatMap((one) => one.files), ...images.map(({ bom }) => bom)]
  const backMatter = resourcesOf(files)
  return text({
    'component-definition': {
      uuid: id('component definition'),
      metadata: metadataOf(definition, `What ${name} ${version} does for controls`),
      components: [
        {
          uuid: id('bundle'),
          type: 'software',
          title: `${name} ${version}`,
          description: 'The bundle as a whole: installer, infrastructure, images and mirrors.',
          ...(claims.length === 0
            ? {}
            : {
                'control-implementations': [
                  {
                    uuid: id('control implementation'),
                    source: CATALOG,
                    description: 'What the software does. Whether a control is met at a site is for the site to say.',
                    'implemented-requirements': claims.map(({ claim, files: shown }) => ({
                      uuid: id(`requirement ${claim.control}`),
                      'control-id': claim.control,
                      description: claim.claim,
                      links: shown.map(({ path }) => ({ href: `#${resourceId(path)}`, rel: 'evidence', text: path })),
                    })),
                  },
                ],
              }),
        },
        ...images.map(({ name: image, bom }) => ({
          uuid: id(`image ${image}`),
          type: 'software',
          title: image,
          description: `The container image ${image} of ${name} ${version}; its parts are in its SBOM.`,
          links: [{ href: `#${resourceId(bom.path)}`, rel: 'evidence', text: bom.path }],
        })),
      ],
      ...(backMatter === undefined ? {} : { 'back-matter': backMatter }),
    },
  })
}
