import { fault } from '../codes.ts'
import { parserOf } from '../input/parse.ts'

/**
 * The site's label policy: which labels exist and what they mean. Modelled on the XML Security Policy Information File
 * (SPIF, Open XML SPIF 2.1): classifications with a hierarchy, restrictive tag categories, permissive (release) tags.
 */
export interface LabelPolicy {
  /** URN of the policy; a label names it and its version. */
  readonly urn: string
  readonly version: string
  /** ISO 3166-1 alpha-3 of the owner: every label is readable to it. */
  readonly owner: string
  readonly levels: ReadonlyMap<string, Level>
  readonly categories: ReadonlyMap<string, Category>
  readonly nations: ReadonlySet<string>
  /** Coalition groups (tetragraphs), each standing for its nations. */
  readonly groups: ReadonlyMap<string, readonly string[]>
}

export interface Level {
  readonly name: string
  /** Higher is more sensitive. */
  readonly rank: number
  readonly portion: string
}

export interface Category {
  readonly name: string
  readonly title: string
  /** The category has no meaning below this level. */
  readonly minimumLevel: string
}

interface PolicyFile {
  readonly urn: string
  readonly version: string
  readonly title: string
  readonly owner: string
  readonly levels: readonly Level[]
  readonly categories: readonly Category[]
  readonly nations: readonly string[]
  readonly groups: readonly { readonly name: string; readonly title: string; readonly nations: readonly string[] }[]
}

const name = { type: 'string', pattern: '^[A-Z][A-Z0-9 -]*$' } as const
const nation = { type: 'string', pattern: '^[A-Z]{3}$' } as const

const record = (properties: Record<string, unknown>): object => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
})

const parse = parserOf<PolicyFile>(
  record({
    urn: { type: 'string', pattern: '^urn:' },
    version: { type: 'string', minLength: 1 },
    title: { type: 'string', minLength: 1 },
    owner: nation,
    levels: {
      type: 'array',
      minItems: 1,
      items: record({ name, rank: { type: 'integer', minimum: 0 }, portion: { type: 'string', pattern: '^[A-Z]+$' } }),
    },
    categories: { type: 'array', items: record({ name, title: { type: 'string' }, minimumLevel: name }) },
    nations: { type: 'array', minItems: 1, items: nation },
    groups: {
      type: 'array',
      items: record({
        name: { type: 'string', pattern: '^[A-Z]{4}$' },
        title: { type: 'string' },
        nations: { type: 'array', minItems: 1, items: nation },
      }),
    },
  }),
)

/** Reads a policy file. Throws E_MESH_CONFIG with every fault and its line. */
export function parseLabelPolicy(text: string, source: string): LabelPolicy {
  const { value, faults, at } = parse(text)
  if (value === undefined) throw fault('E_MESH_CONFIG', `${source} is not a valid label policy`, { faults })
  const found: string[] = []
  const nations = new Set(value.nations)
  const levels = new Map(value.levels.map((level) => [level.name, level]))
  const unique = (list: readonly unknown[], field: string): void => {
    if (new Set(list).size !== list.length) found.push(`${at([field])} ${field}: an entry stands twice`)
  }
  unique(value.levels.map((level) => level.name), 'levels')
  unique(value.levels.map((level) => level.rank), 'levels')
  unique(value.categories.map((category) => category.name), 'categories')
  unique(value.groups.map((group) => group.name), 'groups')
  if (!nations.has(value.owner)) found.push(`${at(['owner'])} owner: ${value.owner} is not in “nations”`)
  for (const [index, category] of value.categories.entries()) {
    if (!levels.has(category.minimumLevel)) {
      found.push(`${at(['categories', index])} categories.${index}: ${category.minimumLevel} is not in “levels”`)
    }
  }
  for (const [index, group] of value.groups.entries()) {
    for (const member of group.nations) {
      if (!nations.has(member)) found.push(`${at(['groups', index])} groups.${index}: ${member} is not in “nations”`)
    }
  }
  if (found.length > 0) throw fault('E_MESH_CONFIG', `${source} is not a valid label policy`, { faults: found })
  return {
    urn: value.urn,
    version: value.version,
    owner: value.owner,
    levels,
    categories: new Map(value.categories.map((category) => [category.name, category])),
    nations,
    groups: new Map(value.groups.map((group) => [group.name, group.nations])),
  }
}
