import { readFile } from 'node:fs/promises'
import { isAbsolute, join, resolve } from 'node:path'
import { Ajv } from 'ajv'
import addFormats from 'ajv-formats'
import { isMap, isSeq, LineCounter, parseDocument, type Document, type Node } from 'yaml'
import { fault } from '../codes.ts'
import { ROLES, SEVERAL, type Site, type SiteFolder } from './site.ts'
import { SITE_SCHEMA } from './schema.ts'
import { SERVICE_NAMES } from './services.ts'

const MAX_BYTES = 4 * 1024 * 1024

type Path = readonly (string | number)[]
interface Complaint {
  readonly path: Path
  readonly text: string
}

/** Reads `DIR/site.yaml`. Throws E_SITE_INVALID naming every fault with line and column. */
export async function readSite(folder: string): Promise<SiteFolder> {
  const path = join(folder, 'site.yaml')
  const source = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw fault('E_SITE_INVALID', `${path} cannot be read`, {
      expected: 'a site made by sallyport site init',
      found: cause.code ?? cause.message,
      next: 'sallyport site init DIR --help',
      cause,
    })
  })
  return { folder: resolve(folder), site: parseSite(source, path) }
}

/** Parses the text of a site.yaml; `path` is only for the messages. */
export function parseSite(source: string, path: string): Site {
  if (source.length > MAX_BYTES) throw fault('E_SITE_INVALID', `${path} is larger than ${MAX_BYTES} bytes`)
  const lines = new LineCounter()
  const document = parseDocument(source, { lineCounter: lines, uniqueKeys: true, strict: true, prettyErrors: false })
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `${path}:${line}:${col}`
  }
  if (document.errors.length > 0)
    throw fault('E_SITE_INVALID', `${path} is not YAML`, {
      faults: document.errors.map((error) => `${at(error.pos[0])} ${error.message}`),
    })
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: 0 })
  } catch (cause) {
    throw fault('E_SITE_INVALID', `${path} uses aliases`, { expected: 'every value written out', found: String(cause), cause })
  }
  const complaints = shapeComplaints(value)
  if (complaints.length === 0) complaints.push(...meaningComplaints(value as Site))
  if (complaints.length > 0)
    throw fault('E_SITE_INVALID', `${path} has ${complaints.length} fault(s)`, {
      faults: complaints.map((one) => `${at(offsetOf(document, one.path))} ${dotted(one.path)}: ${one.text}`),
    })
  return value as Site
}

/** The path of a file that site.yaml names, relative to the folder of the site. */
export function siteFile(folder: string, name: string): string {
  return isAbsolute(name) ? name : join(folder, name)
}

function shapeComplaints(value: unknown): Complaint[] {
  const ajv = new Ajv({ allErrors: true, strict: false })
  ;(addFormats as unknown as (to: Ajv) => void)(ajv)
  const check = ajv.compile(SITE_SCHEMA)
  if (check(value)) return []
  return (check.errors ?? [])
    .filter((error) => error.keyword !== 'anyOf')
    .map((error) => {
      const path = error.instancePath.split('/').slice(1).map((part) => {
        const plain = part.replaceAll('~1', '/').replaceAll('~0', '~')
        return /^\d+$/.test(plain) ? Number(plain) : plain
      })
      if (error.keyword === 'additionalProperties')
        return { path: [...path, String(error.params['additionalProperty'])], text: 'is not known' }
      if (error.keyword === 'enum')
        return { path, text: `must be one of ${(error.params['allowedValues'] as unknown[]).join(', ')}` }
      if (error.keyword === 'const') return { path, text: `must be ${String(error.params['allowedValue'])}` }
      return { path, text: error.message ?? error.keyword }
    })
}

/** What the schema cannot say. */
function meaningComplaints(site: Site): Complaint[] {
  const found: Complaint[] = []
  const { levels } = site.labels
  const partners = site.pki.partners ?? []
  if (!levels.includes(site.ceiling)) found.push({ path: ['ceiling'], text: `must be one of ${levels.join(', ')}` })
  for (const key of ['name', 'address'] as const)
    for (const [index, host] of site.hosts.entries())
      if (site.hosts.findIndex((other) => other[key] === host[key]) < index)
        found.push({ path: ['hosts', index, key], text: 'is taken by another host' })
  for (const role of ROLES) {
    const holders = site.hosts.filter((host) => host.roles.includes(role)).length
    if (role === 'depot' ? holders !== 1 : holders > 1 && !SEVERAL.has(role))
      found.push({ path: ['hosts'], text: `${holders} hosts have the role ${role}: exactly one may` })
  }
  if (site.objectStore === 'minio' && site.hosts.filter((host) => host.roles.includes('object-store')).length > 1)
    found.push({ path: ['objectStore'], text: 'minio is the light store of one host: several hosts need ceph' })
  if (site.pki.mode === 'delegated-ca' && !site.pki.issuing)
    found.push({ path: ['pki'], text: 'mode delegated-ca needs issuing.certificate and issuing.key' })
  for (const [index, person] of site.people.entries()) {
    if (site.people.findIndex((other) => other.id === person.id) < index)
      found.push({ path: ['people', index, 'id'], text: 'is taken by another person' })
    if (SERVICE_NAMES.includes(person.id)) found.push({ path: ['people', index, 'id'], text: 'is the name of a service: certificates would be mistaken for its' })
    if (!levels.includes(person.clearance))
      found.push({ path: ['people', index, 'clearance'], text: `must be one of ${levels.join(', ')}` })
    if (person.partner !== undefined && !partners.some((one) => one.name === person.partner))
      found.push({ path: ['people', index, 'partner'], text: 'is not among pki.partners' })
  }
  for (const [index, partner] of partners.entries())
    if (partners.findIndex((other) => other.name === partner.name) < index)
      found.push({ path: ['pki', 'partners', index, 'name'], text: 'is taken by another partner' })
  for (const [index, holder] of (site.identity?.breakGlass?.holders ?? []).entries())
    if (!site.people.some((person) => person.id === holder))
      found.push({ path: ['identity', 'breakGlass', 'holders', index], text: 'is not among people' })
  return found
}

function offsetOf(document: Document, path: Path): number {
  let node: unknown = document.contents
  let offset = 0
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => String((item.key as { value?: unknown }).value) === String(key))
      if (!pair) break
      offset = (pair.key as Node).range?.[0] ?? offset
      node = pair.value
    } else if (isSeq(node)) {
      node = node.items[Number(key)]
      offset = (node as Node | undefined)?.range?.[0] ?? offset
    } else break
  }
  return offset
}

function dotted(path: Path): string {
  return path.length === 0 ? 'the document' : path.join('.')
}
