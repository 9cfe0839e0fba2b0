import { readFile } from 'node:fs/promises'
import { Ajv, type ErrorObject } from 'ajv'
import { isMap, isNode, isPair, LineCounter, parseDocument, type Document } from 'yaml'

/** A YAML file as a typed value, or everything that is wrong with it. */
export interface ReadDocument<T> {
  /** Undefined when there are faults. */
  readonly value: T | undefined
  /** `file:line:column: what`, in the order of the file. */
  readonly faults: readonly string[]
  /** `file:line:column` of a place in the document. */
  readonly at: (path: readonly (string | number)[]) => string
}

const ajv = new Ajv({ allErrors: true, allowUnionTypes: true, verbose: true })

/** Reads YAML 1.2 and checks it against a JSON Schema. Reports all faults; does not throw for what the file says. */
export async function readDocument<T>(path: string, schema: object): Promise<ReadDocument<T>> {
  let source: string
  try {
    source = await readFile(path, 'utf8')
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { value: undefined, faults: [`${path}:1:1: cannot be read: ${reason}`], at: () => `${path}:1:1` }
  }
  const lines = new LineCounter()
  const document = parseDocument(source, { lineCounter: lines, uniqueKeys: true })
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `${path}:${line}:${col}`
  }
  const at = (where: readonly (string | number)[]): string => place(offsetOf(document, where))
  if (document.errors.length > 0) {
    const faults = document.errors.map((error) => `${place(error.pos[0])}: ${error.message.split('\n')[0] ?? ''}`)
    return { value: undefined, faults, at }
  }
  const value = document.toJS({ maxAliasCount: 100 }) as unknown
  const validate = ajv.compile(schema)
  if (validate(value)) return { value: value as T, faults: [], at }
  const faults = (validate.errors ?? [])
    .map((error) => ({ offset: offsetOf(document, pathOf(error)), text: wording(error) }))
    .toSorted((a, b) => a.offset - b.offset)
    .map(({ offset, text }) => `${place(offset)}: ${text}`)
  return { value: undefined, faults: [...new Set(faults)], at }
}

/** Offset of the deepest node on the way to `path`; of the key where the last step is a key. */
function offsetOf(document: Document.Parsed, path: readonly (string | number)[]): number {
  let offset = document.contents?.range?.[0] ?? 0
  for (let depth = 1; depth <= path.length; depth++) {
    const parent = depth === 1 ? document.contents : document.getIn(path.slice(0, depth - 1), true)
    const step = path[depth - 1]
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isPair(item) && String(item.key) === String(step))
      if (pair === undefined || !isNode(pair.key)) return offset
      offset = pair.key.range?.[0] ?? offset
    } else {
      const node = document.getIn(path.slice(0, depth), true)
      if (!isNode(node)) return offset
      offset = node.range?.[0] ?? offset
    }
  }
  return offset
}

function pathOf(error: ErrorObject): (string | number)[] {
  const path = error.instancePath
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step))
  const extra = (error.params as { additionalProperty?: string }).additionalProperty
  return extra === undefined ? path : [...path, extra]
}

function wording(error: ErrorObject): string {
  const where = error.instancePath === '' ? 'the document' : error.instancePath.slice(1).replaceAll('/', '.')
  const params = error.params as { additionalProperty?: string; allowedValues?: unknown[] }
  if (params.additionalProperty !== undefined) return `${where} has an unknown key ${params.additionalProperty}`
  if (params.allowedValues !== undefined) return `${where} must be one of ${params.allowedValues.join(', ')}`
  const found = typeof error.data === 'object' ? '' : `, found ${JSON.stringify(error.data)}`
  const described = (error.parentSchema as { description?: string } | undefined)?.description
  if (error.keyword === 'pattern' && described !== undefined) return `${where} must be ${described}${found}`
  return `${where} ${error.message ?? 'is not valid'}${error.keyword === 'required' ? '' : found}`
}
