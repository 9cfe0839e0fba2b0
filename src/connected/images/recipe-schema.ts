/** `description` ends the sentence "must be …" of a fault. */
function like(pattern: string, description: string): Record<string, unknown> {
  return { type: 'string', pattern, description, maxLength: 4096 }
}

const name = like('^[a-z0-9][a-z0-9._-]*$', 'a name of lower-case letters, digits, dots, dashes and underscores')
const place = like('^(?!.*/(?:\\.{0,2}/|\\.{1,2}$))/[^\\p{Cc}\\p{Cf}\\p{Cn}\\p{Cs}\\p{Zl}\\p{Zp}]*$', 'an absolute path without . or .. steps')
const beside = like('^[^/\\p{Cc}][^\\p{Cc}]*$', 'a path relative to the recipe')
const mode = like('^[0-7]{3,4}$', 'an octal file mode in quotes, such as "0755"')
const account = like('^[a-z_][a-z0-9_-]{0,31}$', 'a user or group name')
const id = { type: 'integer', minimum: 0, maximum: 4294967294 } as const
const words = { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1 } as const
const text = { type: 'object', additionalProperties: { type: 'string' } } as const
const packages = {
  type: 'array',
  items: like('^[a-z0-9][a-z0-9.+-]+$', 'the name of a Debian package'),
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
    incomplete: words,
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
    compile: many(
      closed(
        {
          module: like('^[^@\\s]+@v\\d[^@\\s]*$', 'a Go module with its version: path@v1.2.3'),
          toolchain: like('^go1\\.\\d+\\.\\d+$', 'a release of Go such as go1.26.11'),
          to: place,
          set: { type: 'object', additionalProperties: like("^[^'\\s]*$", 'a value without blanks and quotes') },
        },
        ['module', 'toolchain', 'to'],
      ),
    ),
    files: many(closed({ from: beside, to: place, mode, uid: id, gid: id }, ['from', 'to'])),
    program: closed({ entry: beside, to: place, external: words, define: text }, ['entry', 'to']),
    directories: many(closed({ path: place, mode, uid: id, gid: id }, ['path'])),
    links: many(closed({ path: place, target: { type: 'string', minLength: 1 } }, ['path', 'target'])),
    users: many(
      closed(
        {
          name: account,
          uid: id,
          gid: id,
          home: place,
          shell: place,
          groups: many(account),
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
        user: like('^[0-9]+(:[0-9]+)?$', 'numbers: uid or uid:gid'),
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
