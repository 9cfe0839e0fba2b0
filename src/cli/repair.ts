import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { readPolicy } from '../bundle/policy-file.ts'
import { rebuild } from '../bundle/volumes/salvage.ts'
import { repairVolume } from '../media/repair.ts'
import { fault } from './codes.ts'
import type { Command } from './command.ts'

export const command: Command = {
  name: ['repair'],
  endsItself: true,
  summary: 'copy a scratched volume and repair the copy, or rebuild a lost volume from all others of its set',
  positionals: ['VOLUME...'],
  options: {
    output: { type: 'string', short: 'o', value: 'DIR', required: true, summary: 'folder of the repaired volume; must not exist yet' },
    policy: { type: 'string', value: 'FILE', required: true, summary: 'the trust policy of the site' },
    lost: { type: 'string', value: 'NUMBER', summary: 'rebuild this volume; the others and the spare are given' },
  },
  example: 'sallyport repair /media/disc -o repaired/volume-2 --policy trust-policy.json',
  async run(context, values, paths) {
    const policy = await readPolicy(resolve(context.cwd, values.need('policy')))
    const target = resolve(context.cwd, values.need('output'))
    if (await stat(target).catch(() => undefined)) throw fault('E_USAGE', `${target} exists already`, { expected: 'a folder that is not there yet' })
    const trust = { policy, now: new Date() }
    const volumes = paths.map((path) => resolve(context.cwd, path))
    const lost = values.text('lost')
    const [first = ''] = volumes
    if (lost === undefined && volumes.length > 1) throw fault('E_USAGE', 'one volume is repaired at a time', { next: 'To rebuild a lost volume from others: --lost NUMBER' })
    if (lost !== undefined && !/^\d{1,2}$/.test(lost)) throw fault('E_USAGE', '--lost takes the number of a volume', { found: lost })
    let text = ''
    let value: unknown
    await context.tasks([
      {
        title: lost === undefined ? `repair ${first}` : `rebuild volume ${lost}`,
        async run() {
          if (lost === undefined) {
            const done = await repairVolume(first, target, trust, context.signal)
            value = { directory: target, ...done }
            text = `volume ${done.volume} is repaired in ${target}: ${done.unread} bytes did not read${done.damaged.length > 0 ? ` (${done.damaged.join(', ')})` : ''}, ${done.gone.length === 0 ? 'no file was missing' : `missing were ${done.gone.join(', ')}`}`
          } else {
            await rebuild(Number(lost), volumes, target, trust)
            value = { directory: target, volume: Number(lost) }
            text = `volume ${lost} is rebuilt in ${target}: every pack has the digest that was signed`
          }
        },
      },
    ])
    context.result(value, () => `${text}\nNext: sallyport import ${values.need('output')} --store DIR --policy ${values.need('policy')}`)
  },
}
