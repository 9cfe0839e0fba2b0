import { PROFILE_OPTIONS, clientOf } from './mesh-options.ts'
import { plain, table } from '../mesh-client/table.ts'
import type { Command } from './command.ts'

export const command: Command = {
  name: ['mesh', 'catalog'],
  summary: 'list the data products that you may know of',
  positionals: ['[QUERY]'],
  options: PROFILE_OPTIONS,
  example: 'sallyport mesh catalog imagery --profile profile.yaml',
  async run(context, values, [text = '']) {
    const client = await clientOf(context, values)
    const answer = await client.catalog(text)
    context.result(answer, () => {
      const rows = answer.entries.map((entry) => [
        `${entry.domain}/${entry.name}`,
        entry.version,
        entry.dataMarking,
        entry.fresh ? 'fresh' : `stale (${entry.sla.freshnessHours} h)`,
        entry.title,
      ])
      const marking = plain(answer.marking)
      const list = rows.length === 0 ? [] : [table(['product', 'version', 'data marking', 'freshness', 'title'], rows)]
      return [marking, ...list, `${answer.count} product(s)`, marking].join('\n')
    })
  },
}
