import type { Command } from './command.ts'
import { runChange } from './site-change.ts'
import { RELEASE_OPTIONS } from './site-options.ts'

export const command: Command = {
  name: ['install'],
  summary: 'install a bundle on a site on which nothing runs; run again, it goes on or repairs',
  positionals: ['BUNDLE'],
  options: RELEASE_OPTIONS,
  example: 'sallyport install out/mesh-1.0.0 --site out/site --yes',
  run: (context, values, [directory = '']) => runChange(context, values, 'install', directory),
}
