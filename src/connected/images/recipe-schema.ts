const name = { type: 'string', pattern: '^[a-z0-9][a-z0-9._-]*$', maxLength: 64 } as const
/** Absolute and normalised. */
const place = { type: 'string', pattern: '^/(?!.*(?:/\\.{0,2}/|/\\.{1,2}$)).*$', maxLength: 4096 } as const
/** Beside the recipe: never absolute. */
const beside = { type: 'string', pattern: '^[^/].*$', maxLength: 4096 } as const
const mode = { type: 'string', pattern: '^[0-7]{3,4}$' } as const
const id = { type: 'integer', minimum: 0, maximum: 4294967294 } as const
const words = { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1 } as const
const text = { type: 'object', additionalProperties: { type: 'string' } } as const
const packages = {
  type: 'array',
  items: { type: 'string', pattern: '^[a-z0-9][a-z0-9.+-]+$' },
  uniqueItems: true,
  minItems: 1,
} as const

function closed(properties: Record<string, unknown>, required: readonly string[]): Record<string, unknown> {
  return { type: 'object', properties, required, additionalProperties: false }
}

const many = (items: unknown): Record<string, unknown> => ({ type: 'array', items, minItems: 1 })

const layer = closed(
  {
    name,
    apt: packages,
    without: packages,
    skip: words,
    unpack: many(
      closed(
        {
          source: { enum: ['maven', 'npm', 'pypi', 'go', 'file'] },
          item: { type: 'string', minLength: 1 },
          to: place,
          strip: { type: 'integer', minimum: 0, maximum: 16 },
          only: words,
          mode,
        },
        ['source', 'item', 'to'],
      ),
    ),
    files: many(closed({ from: beside, to: place, mode, uid: id, gid: id }, ['from', 'to'])),
    program: closed({ entry: beside, to: place, external: words, define: text }, ['entry', 'to']),
    directories: many(closed({ path: place, mode, uid: id, gid: id }, ['path'])),
    links: many(closed({ path: place, target: { type: 'string', minLength: 1 } }, ['path', 'target'])),
    users: many(
      closed(
        {
          name: { type: 'string', pattern: '^[a-z_][a-z0-9_-]{0,31}$' },
          uid: id,
          gid: id,
          home: place,
          shell: place,
          groups: many({ type: 'string', pattern: '^[a-z_][a-z0-9_-]{0,31}$' }),
        },
        ['name', 'uid', 'gid'],
      ),
    ),
    run: many(words),
    env: text,
  },
  ['name'],
)

/** JSON Schema of an image recipe (`bundles/<bundle>/images/<image>.yaml`). */
export const RECIPE_SCHEMA = closed(
  {
    image: name,
    extends: beside,
    layers: many(layer),
    config: closed(
      {
        user: { type: 'string', pattern: '^[0-9]+(:[0-9]+)?$' },
        entrypoint: words,
        cmd: words,
        env: text,
        workdir: place,
        ports: many({ type: 'integer', minimum: 1, maximum: 65535 }),
        labels: text,
      },
      [],
    ),
  },
  ['image', 'layers'],
)
