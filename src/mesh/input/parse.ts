import { Ajv2020 } from 'ajv/dist/2020.js'
import type { ErrorObject } from 'ajv'
import addFormatsModule from 'ajv-formats'
import { LineCounter, isNode, parseDocument } from 'yaml'

/** ajv-formats is a CommonJS module whose types put the function under `default`. */
const addFormats = addFormatsModule as unknown as (ajv: Ajv2020) => void

const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true, strict: true, strictRequired: false })
addFormats(ajv)

export interface Parsed<T> {
  readonly value: T | undefined
  /** One line each: `line:column path: text`; empty when `value` is there. */
  readonly faults: readonly string[]
  /** `line:column` of a path in the text, for checks beyond the schema. */
  at(path: readonly (string | number)[]): string
}

export type Parser<T> = (text: string) => Parsed<T>

/**
 * Makes a parser of YAML 1.2 (and so of JSON) held against a JSON Schema 2020-12. Every fault is named at once; aliases
 * and duplicate keys are refused, since a reader of the text would not see what the program sees.
 */
export function parserOf<T>(schema: object): Parser<T> {
  const validate = ajv.compile<T>(schema)
  return (text) => {
    const lines = new LineCounter()
    const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, version: '1.2', merge: false })
    const at = (path: readonly (string | number)[]): string => position(document, lines, path)
    const broken = document.errors.map((error) => {
      const { line, col } = lines.linePos(error.pos[0])
      return `${line}:${col} ${error.message.split('\n')[0]}`
    })
    if (broken.length > 0) return { value: undefined, faults: broken, at }
    let value: unknown
    try {
      value = document.toJS({ maxAliasCount: 0 })
    } catch {
      return { value: undefined, faults: ['1:1 anchors and aliases are not accepted'], at }
    }
    if (validate(value)) return { value, faults: [], at }
    const faults = (validate.errors ?? []).filter(telling).map((error) => {
      const path = pathOf(error)
      return `${at(path)} ${path.length === 0 ? '' : `${path.join('.')}: `}${wording(error)}`
    })
    return { value: undefined, faults: [...new Set(faults)], at }
  }
}

/** `if`/`oneOf` frames only repeat that one of the inner errors happened. */
const telling = (error: ErrorObject): boolean => error.keyword !== 'if'

function pathOf(error: ErrorObject): (string | number)[] {
  const path = error.instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part))
  if (error.keyword === 'additionalProperties') path.push(String(error.params['additionalProperty']))
  if (error.keyword === 'unevaluatedProperties') path.push(String(error.params['unevaluatedProperty']))
  return path
}

function wording(error: ErrorObject): string {
  switch (error.keyword) {
    case 'required':
      return `lacks “${String(error.params['missingProperty'])}”`
    case 'additionalProperties':
    case 'unevaluatedProperties':
      return 'is not a known field'
    case 'enum':
      return `must be one of ${(error.params['allowedValues'] as unknown[]).join(', ')}`
    case 'const':
      return `must be ${JSON.stringify(error.params['allowedValue'])}`
    default:
      return error.message ?? 'is not valid'
  }
}

function position(
  document: ReturnType<typeof parseDocument>,
  lines: LineCounter,
  path: readonly (string | number)[],
): string {
  for (let length = path.length; length >= 0; length -= 1) {
    const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true)
    if (isNode(node) && node.range) {
      const { line, col } = lines.linePos(node.range[0])
      return `${line}:${col}`
    }
  }
  return '1:1'
}
