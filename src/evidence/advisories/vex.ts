import { packageName } from '../packages.ts'
import type { Subject } from './subjects.ts'

export const STATUSES = ['not_affected', 'affected', 'fixed', 'under_investigation'] as const
export const JUSTIFICATIONS = [
  'component_not_present',
  'vulnerable_code_not_present',
  'vulnerable_code_not_in_execute_path',
  'vulnerable_code_cannot_be_controlled_by_adversary',
  'inline_mitigations_already_exist',
] as const

/** A statement of an OpenVEX 0.2.0 document, with the author it has from its document. */
export interface VexStatement {
  readonly author: string
  readonly timestamp: string
  readonly ids: readonly string[]
  readonly products: readonly VexProduct[]
  readonly status: (typeof STATUSES)[number]
  readonly justification?: (typeof JUSTIFICATIONS)[number]
  readonly impact?: string
  readonly action?: string
}

interface VexProduct {
  readonly purl: string
  /** In this image only. */
  readonly image?: string
}

/** The statements of an OpenVEX document, or everything that is wrong with it. */
export function parseOpenVex(value: unknown): { readonly statements: readonly VexStatement[]; readonly faults: readonly string[] } {
  const document = object(value)
  const faults: string[] = []
  if (!String(document['@context']).startsWith('https://openvex.dev/ns/v0.2.')) faults.push('@context is not that of OpenVEX 0.2.0')
  const author = text(document['author']) ?? ''
  if (author === '') faults.push('it has no author')
  if (!Array.isArray(document['statements'])) faults.push('it has no statements')
  const statements = array(document['statements']).map((one, index) => statementOf(object(one), `statements[${index}]`, { author, timestamp: text(document['timestamp']) }, faults))
  return { statements: faults.length > 0 ? [] : statements, faults }
}

function statementOf(one: Record<string, unknown>, place: string, from: { author: string; timestamp: string | undefined }, faults: string[]): VexStatement {
  const wrong = (why: string): void => void faults.push(`${place}: ${why}`)
  const vulnerability = object(one['vulnerability'])
  const ids = [text(vulnerability['name']), ...array(vulnerability['aliases']).map(text)].filter((id) => id !== undefined)
  if (ids.length === 0) wrong('it names no vulnerability')
  const products = array(one['products']).flatMap((product) => productsOf(object(product)))
  if (products.length === 0 || products.some(({ purl }) => packageName(purl) === undefined)) wrong('its products are not all named by a purl')
  const status = STATUSES.find((known) => known === one['status'])
  if (status === undefined) wrong(`its status is not one of ${STATUSES.join(', ')}`)
  const justification = JUSTIFICATIONS.find((known) => known === one['justification'])
  if (one['justification'] !== undefined && justification === undefined) wrong(`its justification is not one of ${JUSTIFICATIONS.join(', ')}`)
  const [impact, action] = [text(one['impact_statement']), text(one['action_statement'])]
  if (status === 'not_affected' && justification === undefined) wrong('it says not_affected without a justification')
  if (status === 'affected' && action === undefined) wrong('it says affected without an action_statement')
  const timestamp = text(one['timestamp']) ?? from.timestamp
  if (timestamp === undefined || Number.isNaN(Date.parse(timestamp))) wrong('neither it nor the document has a timestamp')
  return {
    author: from.author,
    timestamp: timestamp ?? '',
    ids,
    products,
    status: status ?? 'under_investigation',
    ...(justification === undefined ? {} : { justification }),
    ...(impact === undefined ? {} : { impact }),
    ...(action === undefined ? {} : { action }),
  }
}

function productsOf(product: Record<string, unknown>): VexProduct[] {
  const id = text(product['@id']) ?? text(object(product['identifiers'])['purl']) ?? ''
  const parts = array(product['subcomponents'])
  const image = /^pkg:oci\/([^@?#]+)/.exec(id)?.[1]
  if (parts.length === 0) return [{ purl: id }]
  return parts.flatMap((part) => productsOf(object(part)).map(({ purl }) => ({ purl, ...(image === undefined ? {} : { image }) })))
}

/** The newest statement about a vulnerability in a package of a bundle; one about an image counts when the package is nowhere else. */
export function statementFor(statements: readonly VexStatement[], ids: readonly string[], subject: Subject): VexStatement | undefined {
  return statements
    .filter((one) => one.ids.some((id) => ids.includes(id)) && one.products.some((product) => isAbout(product, subject)))
    .toSorted((a, b) => Date.parse(b.timestamp) - Date.parse(a.timestamp))[0]
}

function isAbout({ purl, image }: VexProduct, { package: name, claimed, version, packageVersion, places }: Subject): boolean {
  const about = packageName(purl)
  if (about !== name && about !== claimed) return false
  const [, wanted] = /^[^@?#]+@([^?#]+)/.exec(purl) ?? []
  if (wanted !== undefined && ![version, packageVersion].includes(decodeURIComponent(wanted))) return false
  return image === undefined || places.every((place) => place === `images/${image}`)
}

const object = (value: unknown): Record<string, unknown> => (typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {})
const array = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)
