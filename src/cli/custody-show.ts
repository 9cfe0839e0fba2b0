import { resolve } from 'node:path'
import type { Entry } from '../custody/entry.ts'
import { readLog } from '../custody/log.ts'
import { fault } from './codes.ts'
import type { Command } from './command.ts'

export const command: Command = {
  name: ['custody', 'show'],
  summary: 'print the crossings of a log of custody, one a line, or one of them whole; its chain is checked, its signatures are not',
  positionals: ['LOG'],
  options: {
    entry: { type: 'string', value: 'NUMBER', summary: 'print this one whole' },
  },
  example: 'sallyport custody show custody.jsonl --entry 3',
  async run(context, values, [file = '']) {
    const { entries } = await readLog(resolve(context.cwd, file))
    const wanted = values.text('entry')
    const chosen = wanted === undefined ? entries : entries.filter(({ entry }) => String(entry.number) === wanted)
    if (wanted !== undefined && chosen.length === 0) throw fault('E_USAGE', `the log has no entry ${wanted}`, { expected: `1 to ${entries.length}`, found: wanted })
    const value = chosen.map(({ entry, digest }) => ({ ...entry, line: digest }))
    context.result(value, () => (wanted === undefined ? chosen.map(({ entry }) => lineOf(entry)) : chosen.map(({ entry }) => describeEntry(entry))).join('\n') || 'The log is empty.')
  },
}

function lineOf({ number, time, outcome, medium, from, to, carried, scan }: Entry): string {
  const what = carried ? `${carried.name} ${carried.version}${carried.volume ? `, volume ${carried.volume.number} of ${carried.volume.of}` : ''}` : 'no bundle'
  return `${number}  ${time}  ${outcome}  ${medium.serial}  ${from} → ${to}  ${what}  ${scan.result}`
}

/** A crossing in the words of the form that goes with it. */
export function describeEntry({ number, time, outcome, medium, from, to, content, carried, scan, persons, tools, note }: Entry): string {
  return [
    `Crossing ${number}, ${time}: ${outcome}`,
    `  medium     ${medium.serial}${medium.label === null ? '' : ` (${medium.label})`}`,
    `  way        from ${from} to ${to}`,
    ...persons.map(({ person, keyId, part }) => `  ${part.padEnd(10)} ${person}, key ${keyId}`),
    `  content    ${content.files} files, ${content.bytes} bytes, sha512 of their list ${content.sha512}`,
    ...(carried ? [`  carries    ${carried.kind} ${carried.name} ${carried.version}, sequence ${carried.sequence}${carried.volume ? `, volume ${carried.volume.number} of ${carried.volume.of}` : ''}, sha512 ${carried.sha512}`] : ['  carries    no bundle that it names']),
    scan.result === 'not scanned' ? `  scan       none: ${scan.reason}` : `  scan       ${scan.result} in ${scan.seconds} s, by ${scan.scanner}`,
    ...(scan.definitions === null ? [] : [`  definitions sha512 of their list ${scan.definitions}`]),
    ...scan.found.map((one) => `    ${one}`),
    `  tools      sallyport ${tools.sallyport}; node ${tools.node}, openssl ${tools.openssl}, ${tools.system}`,
    ...(note === null ? [] : [`  note       ${note}`]),
  ].join('\n')
}
