import { EXIT, type CodeDoc } from '../bundle/fault.ts'
import { fault } from './codes.ts'
import type { Command } from './command.ts'
import { ERROR_CODES } from './error-codes.ts'

const all = (): Record<string, CodeDoc> => Object.assign({}, ...Object.values(ERROR_CODES)) as Record<string, CodeDoc>

export const command: Command = {
  name: ['explain'],
  summary: 'Explain an error code: what happened, why, and what to do next',
  positionals: ['[CODE]'],
  options: { list: { type: 'boolean', summary: 'list every code with its exit status' } },
  example: 'sallyport explain E_USAGE',
  async run(context, values, [code]) {
    const codes = all()
    if (values.flag('list') || code === undefined) {
      const names = Object.keys(codes).toSorted()
      const width = Math.max(...names.map((name) => name.length))
      context.result(codes, () => names.map((name) => `${name.padEnd(width)}  ${codes[name]?.exit}  ${codes[name]?.title}`).join('\n'))
      return
    }
    const doc = codes[code.toUpperCase()]
    if (!doc) {
      const near = Object.keys(codes).filter((name) => name.includes(code.toUpperCase().replace(/^E_/, '')))
      throw fault('E_UNKNOWN_CODE', `${code} is not an error code`, near.length > 0 ? { expected: near.join(', ') } : {})
    }
    const exit = Object.entries(EXIT).find(([, value]) => value === doc.exit)?.[0] ?? ''
    context.result({ code: code.toUpperCase(), ...doc }, () =>
      [`${code.toUpperCase()} (exit status ${doc.exit}, ${exit})`, '', doc.title, '', doc.meaning, '', `next: ${doc.next}`].join('\n'),
    )
  },
}
