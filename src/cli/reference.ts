import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { EXIT, type CodeDoc } from '../bundle/fault.ts'
import { benchmarkPage } from './benchmark-page.ts'
import { COMMANDS } from './commands.ts'
import { ERROR_CODES } from './error-codes.ts'
import { portsPage } from './ports-page.ts'
import { helpText } from './values.ts'

const NOTE = '<!-- Made from the code by `npm run docs`; a test fails when it is stale. -->'

/** The generated reference pages: path in the repository → text. */
export function referencePages(): ReadonlyMap<string, string> {
  return new Map([
    ['docs/reference/cli.md', cliPage()],
    ['docs/reference/errors.md', errorsPage()],
    ['docs/reference/exit-codes.md', exitPage()],
    ['docs/reference/ports.md', portsPage(NOTE)],
    ['docs/reference/benchmark.md', benchmarkPage(NOTE)],
  ])
}

function cliPage(): string {
  const shown = COMMANDS.filter((command) => command.hidden !== true)
  const sections = shown.map((command) => `## sallyport ${command.name.join(' ')}\n\n\`\`\`text\n${helpText(command)}\n\`\`\`\n`)
  return `# Commands\n\n${NOTE}\n\nFrom a checkout: \`npm run -s sallyport -- COMMAND\`. From a bundle: \`./sallyport COMMAND\`.\n\n${sections.join('\n')}`
}

function errorsPage(): string {
  const rows = Object.values(ERROR_CODES)
    .flatMap((group) => Object.entries(group))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, doc]) => errorSection(code, doc))
  return `# Error codes\n\n${NOTE}\n\n\`sallyport explain CODE\` prints the same text offline.\n\n${rows.join('\n')}`
}

function errorSection(code: string, doc: CodeDoc): string {
  return `## ${code}\n\nExit status ${doc.exit}. ${doc.title}.\n\n${doc.meaning}\n\nNext: ${doc.next}\n`
}

const EXIT_MEANING: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: 'done',
  internal: 'a defect in Sallyport itself',
  usage: 'the command line cannot be understood; nothing was done',
  input: 'a file written by a person is not valid; every fault is named',
  upstream: 'an upstream registry or mirror did not give what was asked for',
  trust: 'a signature, key, threshold or marking is not accepted by the trust policy',
  integrity: 'bytes are not what their digest says',
  machine: 'this machine lacks something: disk, memory, permission, a program',
  host: 'a host of the enclave could not be reached or did not do what was asked',
  rolledBack: 'the new release failed; the old one runs',
  floor: 'an older sequence, other content under a known sequence, or an unsupported hop',
  denied: 'the mesh denied the request',
  interrupted: 'interrupted; running the same command again goes on',
  broken: 'neither the new nor the old release runs: a person is needed',
  notMet: 'an assessment was made, and a rule is not met or could not be checked',
  unproven: 'the bundle is whole, and did not do in a disposable host without network what it has to',
}

function exitPage(): string {
  const rows = Object.entries(EXIT).map(([name, value]) => `| ${value} | ${name} | ${EXIT_MEANING[name as keyof typeof EXIT]} |`)
  return `# Exit codes\n\n${NOTE}\n\nEvery command ends with one of these.\n\n| status | name | meaning |\n| --- | --- | --- |\n${rows.join('\n')}\n`
}

if (import.meta.filename === process.argv[1]) {
  for (const [path, text] of referencePages()) {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, text)
  }
}
