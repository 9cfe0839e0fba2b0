import type { Finding } from '../advisories/findings.ts'
import { metadataOf, resourceId, resourcesOf, text, type About, type LinkedFile } from './document.ts'
import { uuidOfName } from './uuid.ts'

/**
 * A draft of a plan of action and milestones: one item and one risk for each vulnerability that is open. Dates and
 * owners are the site's to add. Undefined when nothing is open, as OSCAL has no empty plan.
 */
export function planOfAction(about: About, findings: readonly Finding[], shows: LinkedFile): Buffer | undefined {
  const open = findings.filter((one) => one.open)
  if (open.length === 0) return undefined
  const { name, version } = about
  const id = (what: string, { id: vulnerability, name: called, version: of }: Finding): string => uuidOfName(`${name} ${version} ${what} ${vulnerability} ${called} ${of}`)
  const link = { href: `#${resourceId(shows.path)}`, rel: 'evidence', text: shows.path }
  return text({
    'plan-of-action-and-milestones': {
      uuid: uuidOfName(`${name} ${version} poam`),
      metadata: metadataOf(about, `DRAFT plan of action and milestones for ${name} ${version}`),
      'system-id': { 'identifier-type': 'https://ietf.org/rfc/rfc4122', id: uuidOfName(name) },
      risks: open.map((one) => ({
        uuid: id('risk', one),
        title: titleOf(one),
        description: said(one.summary) ?? 'The source gives no description.',
        statement: `${one.packages.map(({ name: called, version: of, places }) => `${called} ${of} in ${places.join(', ')}`).join('; ')}.`,
        status: 'open',
        ...(one.vex?.action === undefined ? {} : { 'mitigating-factors': [{ uuid: id('mitigation', one), description: one.vex.action }] }),
      })),
      'poam-items': open.map((one) => ({
        uuid: id('item', one),
        title: titleOf(one),
        description: actionOf(one),
        links: [link],
        'related-risks': [{ 'risk-uuid': id('risk', one) }],
      })),
      'back-matter': resourcesOf([shows]),
    },
  })
}

const titleOf = ({ id, name, version }: Finding): string => `${id} in ${name} ${version}`

/** What would end it, as far as the data say. */
export function actionOf({ fixed, verdict, vex }: Finding): string {
  if (vex?.action !== undefined) return vex.action
  if (verdict === 'undetermined') return 'Decide whether it concerns this version, and state it in a VEX document.'
  return fixed === undefined ? 'No fix is known: mitigate, or state in a VEX document why it does not matter.' : `Take a release that has ${fixed} or later.`
}

const said = (text: string): string | undefined => (text.trim() === '' ? undefined : text.trim())
