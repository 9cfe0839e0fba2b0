import { parseArgs } from 'node:util'
import type { Command, OptionSpec, Values } from './command.ts'
import { fault } from './codes.ts'

/** Options that every command takes. */
export const GLOBAL_OPTIONS = {
  json: { type: 'boolean', summary: 'print the result as JSON on stdout, progress as JSON lines on stderr' },
  help: { type: 'boolean', short: 'h', summary: 'show this help' },
} as const satisfies Record<string, OptionSpec>

export interface Parsed {
  readonly values: Values
  readonly positionals: readonly string[]
}

/** Parses the words after the command's name. Throws E_USAGE naming every fault at once. */
export function parseWords(command: Command, words: readonly string[]): Parsed {
  const specs: Record<string, OptionSpec> = { ...command.options, ...GLOBAL_OPTIONS }
  const options = Object.fromEntries(
    Object.entries(specs).map(([name, { type, short, multiple }]) => [
      name,
      { type, ...(short ? { short } : {}), ...(multiple ? { multiple } : {}) },
    ]),
  )
  const { tokens, positionals, values: raw } = parseArgs({
    args: [...words],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const faults: string[] = []
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    const spec = specs[token.name]
    if (!spec) faults.push(`unknown option ${token.rawName}`)
    else if (spec.type === 'string' && token.value === undefined) faults.push(`option ${token.rawName} needs a value`)
    else if (spec.type === 'boolean' && token.value !== undefined) faults.push(`option ${token.rawName} takes no value`)
  }
  for (const [name, spec] of Object.entries(specs))
    if (spec.required && raw[name] === undefined) faults.push(`missing option --${name} ${spec.value ?? 'VALUE'}`)
  faults.push(...positionalFaults(command.positionals ?? [], positionals))
  if (faults.length > 0)
    throw fault('E_USAGE', `sallyport ${command.name.join(' ')}: the command line has ${faults.length} fault(s)`, {
      faults,
      expected: usageLine(command),
      next: `sallyport ${command.name.join(' ')} --help`,
    })
  const text = (name: string): string | undefined => {
    const value = raw[name]
    return typeof value === 'string' ? value : undefined
  }
  return {
    positionals,
    values: {
      text,
      need: (name) => text(name) ?? '',
      list: (name) => {
        const value = raw[name]
        return Array.isArray(value) ? value.map(String) : typeof value === 'string' ? [value] : []
      },
      flag: (name) => raw[name] === true,
    },
  }
}

function positionalFaults(specs: readonly string[], given: readonly string[]): string[] {
  const required = specs.filter((spec) => !spec.startsWith('['))
  const open = specs.some((spec) => spec.replace(']', '').endsWith('...'))
  const faults = required.slice(given.length).map((spec) => `missing ${spec}`)
  if (!open) faults.push(...given.slice(specs.length).map((word) => `unexpected word ${JSON.stringify(word)}`))
  return faults
}

/** One line: how the command is typed. */
export function usageLine(command: Command): string {
  const required = Object.entries(command.options ?? {}).filter(([, spec]) => spec.required)
  const words = required.map(([name, spec]) => `${spec.short ? `-${spec.short}` : `--${name}`} ${spec.value ?? 'VALUE'}`)
  const more = Object.keys(command.options ?? {}).length > required.length ? ['[options]'] : []
  return ['sallyport', ...command.name, ...(command.positionals ?? []), ...words, ...more].join(' ')
}

/** The help text of one command. */
export function helpText(command: Command): string {
  const rows = Object.entries({ ...command.options, ...GLOBAL_OPTIONS } as Record<string, OptionSpec>).map(
    ([name, spec]) => {
      const flag = `${spec.short ? `-${spec.short}, ` : '    '}--${name}${spec.type === 'string' ? ` ${spec.value ?? 'VALUE'}` : ''}`
      return [flag, spec.summary + (spec.multiple ? ' (may be repeated)' : '')] as const
    },
  )
  const width = Math.max(...rows.map(([flag]) => flag.length))
  return [
    `${command.summary}`,
    '',
    `usage: ${usageLine(command)}`,
    '',
    'options:',
    ...rows.map(([flag, summary]) => `  ${flag.padEnd(width)}  ${summary}`),
    '',
    'example:',
    `  ${command.example}`,
  ].join('\n')
}
