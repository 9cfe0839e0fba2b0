import type { Command } from './command.ts'
import { runChange } from './site-change.ts'
import { CHANGE_OPTIONS } from './site-options.ts'

export const command: Command = {
  name: ['rollback'],
  summary: 'go back to the release that ran directly before, with the data it had',
  options: CHANGE_OPTIONS,
  example: 'sallyport rollback --site out/site --yes',
  run: (context, values) => runChange(context, values, 'rollback'),
}
