import { existsSync, readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { fault } from '../../codes.ts'
import type { Request } from '../source.ts'

/** One entry of requirements.yml (docs.ansible.com, "Install multiple collections with a requirements file"). */
export interface Requirement {
  /** As a person wrote it, for faults. */
  readonly said: string
  /** `namespace.name`, or a path on this machine. */
  readonly name: string
  readonly version?: string
  readonly type: 'galaxy' | 'file' | 'dir'
}

const NAMED = /^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$/

/** What a request asks for, whichever way it is written. Throws E_UPSTREAM_MISSING naming all that is not there. */
export function requirementsOf({ items, list }: Request, locate: (path: string) => string): Requirement[] {
  const wrong: string[] = []
  const found = [...items.map(oneOf), ...(list === undefined ? [] : entriesOf(list.path, locate, wrong))].map((one): Requirement => {
    if (one.type === 'galaxy') return one
    const name = locate(one.name)
    if (!existsSync(name)) wrong.push(`galaxy: no ${one.said}`)
    return { ...one, name }
  })
  if (wrong.length > 0)
    throw fault('E_UPSTREAM_MISSING', 'The definition names collections that do not exist or cannot be carried.', {
      expected: 'namespace.name:version of a Galaxy server, or a path beside the definition to a collection (a folder with galaxy.yml, or its archive)',
      faults: wrong,
    })
  return found
}

function oneOf(item: string): Requirement {
  const [name = '', version] = item.split(/:(.*)/s)
  if (NAMED.test(name) && !item.includes('/')) return { said: item, name, type: 'galaxy', ...(version === undefined ? {} : { version }) }
  return { said: item, name: item, type: item.endsWith('.tar.gz') ? 'file' : 'dir' }
}

function entriesOf(path: string, locate: (path: string) => string, wrong: string[]): Requirement[] {
  const document = parse(readFileSync(locate(path), 'utf8'), { maxAliasCount: 0 }) as { collections?: unknown; roles?: unknown } | null
  if (document?.roles !== undefined) wrong.push(`galaxy: ${path}: roles are not carried: only collections`)
  if (!Array.isArray(document?.collections)) {
    wrong.push(`galaxy: ${path}: no list of collections`)
    return []
  }
  return document.collections.flatMap((entry: unknown): Requirement[] => {
    if (typeof entry === 'string') return [oneOf(entry)]
    const { name, version, type = 'galaxy' } = (entry ?? {}) as { name?: unknown; version?: unknown; type?: unknown }
    const said = `${path}: ${String(name)}`
    if (typeof name !== 'string' || !['galaxy', 'file', 'dir'].includes(String(type))) {
      wrong.push(`galaxy: ${said}: type ${String(type)} is not carried: name a folder or an archive beside the definition`)
      return []
    }
    if (type !== 'galaxy') return [{ said, name, type: type as 'file' | 'dir' }]
    return [{ ...oneOf(name), said, ...(version === undefined ? {} : { version: String(version) }) }]
  })
}
