import { PROFILE_OPTIONS, clientOf } from './mesh-options.ts'
import { plain, table } from '../mesh-client/table.ts'
import { fault } from './codes.ts'
import type { Command } from './command.ts'

/** `trino` on sites of the profile scale. */
const ENGINES = ['duckdb', 'trino'] as const

export const command: Command = {
  name: ['mesh', 'query'],
  summary: 'ask a data product: one SELECT over the view `product`',
  positionals: ['PRODUCT', 'SQL'],
  options: {
    ...PROFILE_OPTIONS,
    engine: { type: 'string', value: 'ENGINE', summary: `which engine answers: ${ENGINES.join(', ')}; default ${ENGINES[0]}` },
  },
  example: 'sallyport mesh query geoint/imagery-annotation-layer "SELECT count(*) FROM product" --profile profile.yaml',
  async run(context, values, [product = '', sql = '']) {
    const client = await clientOf(context, values)
    const engine = values.text('engine')
    const known = ENGINES.find((one) => one === engine)
    if (engine !== undefined && known === undefined) throw fault('E_USAGE', `there is no engine ${engine}`, { expected: ENGINES.join(', '), found: engine })
    const answer = await client.query({ product, sql, ...(known === undefined ? {} : { engine: known }) })
    context.result(answer, () => {
      const marking = plain(answer.marking)
      const fresh = answer.fresh ? '' : ', older than its contract promises'
      return [
        marking,
        table(
          answer.columns.map(({ name }) => name),
          answer.rows,
        ),
        `${answer.rows.length} row(s) of ${plain(answer.product)} ${plain(answer.version)}, data of ${plain(answer.refreshedAt)}${fresh}`,
        `audit event ${plain(answer.event)}`,
        marking,
      ].join('\n')
    })
  },
}
