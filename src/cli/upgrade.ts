import type { Command } from './command.ts'
import { runChange } from './site-change.ts'
import { RELEASE_OPTIONS } from './site-options.ts'

export const command: Command = {
  name: ['upgrade'],
  summary: 'upgrade a site to a newer bundle; when it fails, the release before is put back with its data',
  positionals: ['BUNDLE'],
  options: RELEASE_OPTIONS,
  example: 'sallyport upgrade out/mesh-1.1.0 --site out/site --yes',
  run: (context, values, [directory = '']) => runChange(context, values, 'upgrade', directory),
}
