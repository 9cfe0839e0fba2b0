import { resolve } from 'node:path'
import { readStatementBytes } from '../bundle/bundle.ts'
import { readSignatures } from '../bundle/signature.ts'
import { parseStatement, type Statement } from '../bundle/statement.ts'
import type { Command } from './command.ts'

export const command: Command = {
  name: ['inspect'],
  summary: 'print what a bundle says of itself; nothing is verified',
  positionals: ['BUNDLE'],
  example: 'sallyport inspect out/mesh-1.0.0',
  async run(context, _values, [path = '']) {
    const directory = resolve(context.cwd, path)
    const { bytes, digest } = await readStatementBytes(directory)
    const statement = parseStatement(bytes)
    const keyIds = [...(await readSignatures(directory)).keys()]
    context.result({ verified: false, sha512: digest, signatures: keyIds, statement }, () =>
      [
        'NOTHING HERE WAS VERIFIED: this is what the bundle says of itself. Check it: sallyport verify BUNDLE --policy FILE',
        ...describe(statement),
        `sha512 of bundle.json  ${digest}`,
        `signature files of     ${keyIds.length > 0 ? keyIds.join(', ') : 'nobody: it is not signed'}`,
      ].join('\n'),
    )
  },
}

function describe(statement: Statement): string[] {
  const { marking } = statement
  const row = (label: string, text: string) => `${label.padEnd(22)} ${text}`
  const list = (items: readonly string[]) => (items.length > 0 ? items.join(', ') : 'none')
  return [
    row('name', `${statement.name} ${statement.version}, ${statement.kind}, sequence ${statement.sequence}`),
    row('created', statement.created),
    row(
      'marking',
      [marking.level, ...marking.categories, ...marking.releasability.map((to) => `REL ${to}`)].join(' / '),
    ),
    row('for', list(statement.targets.map(({ os, release, architecture }) => `${os} ${release} ${architecture}`))),
    row(
      'upgrades from',
      list(
        statement.upgradesFrom.map(
          ({ name, minSequence, maxSequence }) => `${name} sequence ${minSequence} to ${maxSequence}`,
        ),
      ),
    ),
    row('images', list(statement.images.map((image) => image.reference))),
    row('mirrors', list(statement.mirrors.map(({ name, ecosystem }) => `${name} (${ecosystem})`))),
    row('infrastructure', list(statement.iac.map(({ name, kind }) => `${name} (${kind})`))),
    row(
      'installer',
      statement.installer ? `${statement.installer.path}, ${(statement.installer.size / 1e6).toFixed(1)} MB` : 'none',
    ),
  ]
}
