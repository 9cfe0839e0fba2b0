import type { ResidualResponse } from '@cedar-policy/cedar-wasm/nodejs'
import { fault } from '../codes.ts'

export interface SqlCondition {
  /** A boolean expression over the columns `rank`, `categories`, `nations`, `domain`. */
  readonly text: string
  readonly parameters: readonly (string | number | readonly string[])[]
}

/** Columns of `catalog_visible` that stand for the attributes of a resource. */
const COLUMNS: Readonly<Record<string, string>> = {
  rank: 'rank',
  categories: 'categories',
  nations: 'nations',
  domain: 'domain',
}

const COMPARISONS = new Set(['<', '<=', '>', '>=', '=='])

/**
 * Turns what Cedar's partial evaluation leaves over (resource unknown) into SQL: at least one `permit` and no `forbid`.
 * Only the forms that our policies can leave are known; any other is a defect and raises, so that a policy nobody
 * can translate never opens the catalog.
 */
export function compileResidual(response: ResidualResponse, firstParameter: number): SqlCondition {
  if (response.errored.length > 0) return { text: 'false', parameters: [] }
  const parameters: (string | number | readonly string[])[] = []
  const parameter = (value: string | number | readonly string[], cast: string): string => {
    parameters.push(value)
    return `$${firstParameter + parameters.length - 1}::${cast}`
  }
  const permits: string[] = []
  const forbids: string[] = []
  for (const policy of Object.values(response.residuals)) {
    const conditions = policy.conditions.map(({ kind, body }) => {
      const text = expression(body as Node, parameter)
      return kind === 'when' ? text : `(NOT ${text})`
    })
    const whole = conditions.length === 0 ? 'true' : `(${conditions.join(' AND ')})`
    if (policy.effect === 'permit') permits.push(whole)
    else forbids.push(whole)
  }
  const permitted = permits.length === 0 ? 'false' : `(${permits.join(' OR ')})`
  return { text: [permitted, ...forbids.map((text) => `(NOT ${text})`)].join(' AND '), parameters }
}

/** A node of Cedar's JSON policy format: one operator and its operands. */
type Node = Readonly<Record<string, unknown>>
type Parameter = (value: string | number | readonly string[], cast: string) => string

function expression(node: Node, parameter: Parameter): string {
  const [operator, operand] = only(node)
  if (operator === 'Value' && typeof operand === 'boolean') return String(operand)
  if (operator === '!') return `(NOT ${expression(child(operand, 'arg'), parameter)})`
  if (operator === '&&' || operator === '||') {
    const left = expression(child(operand, 'left'), parameter)
    const right = expression(child(operand, 'right'), parameter)
    return `(${left} ${operator === '&&' ? 'AND' : 'OR'} ${right})`
  }
  if (operator === 'is' && isResource(child(operand, 'left'))) {
    return String((operand as { entity_type?: unknown }).entity_type === 'Labelled')
  }
  if (COMPARISONS.has(operator)) {
    const left = operandText(child(operand, 'left'), parameter)
    const right = operandText(child(operand, 'right'), parameter)
    return `(${left} ${operator === '==' ? '=' : operator} ${right})`
  }
  if (operator === 'contains') {
    const set = operandText(child(operand, 'left'), parameter)
    return `(${operandText(child(operand, 'right'), parameter)} = ANY (${set}))`
  }
  if (operator === 'containsAll') {
    const set = operandText(child(operand, 'left'), parameter)
    return `(${operandText(child(operand, 'right'), parameter)} <@ ${set})`
  }
  throw untranslatable(operator)
}

function operandText(node: Node, parameter: Parameter): string {
  const [operator, operand] = only(node)
  if (operator === '.') {
    const { attr } = operand as { attr?: unknown }
    const column = isResource(child(operand, 'left')) ? COLUMNS[String(attr)] : undefined
    if (column !== undefined) return column
  }
  if (operator === 'Value' && typeof operand === 'number') return parameter(operand, 'bigint')
  if (operator === 'Value' && typeof operand === 'string') return parameter(operand, 'text')
  if (operator === 'Value' && isWords(operand)) return parameter(operand, 'text[]')
  if (operator === 'Set' && Array.isArray(operand)) {
    const values = operand.map((item) => only(item as Node)[1])
    if (isWords(values)) return parameter(values, 'text[]')
  }
  throw untranslatable(operator)
}

const isWords = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string')

function isResource(node: Node): boolean {
  return JSON.stringify(node) === '{"unknown":[{"Value":"resource"}]}'
}

function child(operand: unknown, name: string): Node {
  const value = typeof operand === 'object' && operand !== null ? (operand as Node)[name] : undefined
  if (typeof value !== 'object' || value === null) throw untranslatable(name)
  return value as Node
}

function only(node: Node): readonly [string, unknown] {
  const entries = Object.entries(node)
  const [first] = entries
  if (first === undefined || entries.length !== 1) throw untranslatable(Object.keys(node).join(','))
  return first
}

const untranslatable = (form: string): Error =>
  fault('E_MESH_INTERNAL', 'the access policy leaves a form that has no translation to SQL', { found: form })
