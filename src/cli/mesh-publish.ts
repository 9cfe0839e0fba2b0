import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { PROFILE_OPTIONS, clientOf } from './mesh-options.ts'
import { readRecords } from '../mesh-client/records.ts'
import { plain } from '../mesh-client/table.ts'
import type { Command } from './command.ts'

export const command: Command = {
  name: ['mesh', 'publish'],
  summary: 'publish a data product: its contract and its records',
  positionals: ['CONTRACT'],
  options: {
    data: { type: 'string', required: true, value: 'FILE|DIR', summary: 'records: .json or .jsonl, or a folder of them' },
    ...PROFILE_OPTIONS,
  },
  example: 'sallyport mesh publish annotations.odcs.yaml --data annotations/ --profile profile.yaml',
  async run(context, values, [contract = '']) {
    const client = await clientOf(context, values)
    const records = await readRecords(resolve(context.cwd, values.need('data')))
    const text = await readFile(resolve(context.cwd, contract), 'utf8')
    const answer = await client.publish({ contract: text, records })
    context.result(answer, () =>
      [
        `published ${plain(answer.product)} ${plain(answer.version)}: ${answer.records} record(s)`,
        `  id:      ${plain(answer.id)}`,
        `  marking: ${plain(answer.marking)}`,
      ].join('\n'),
    )
  },
}
