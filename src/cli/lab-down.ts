import { labDown } from '../lab/lab.ts'
import type { Command } from './command.ts'

export const command: Command = {
  name: ['lab', 'down'],
  summary: 'stop the hosts of a lab and remove everything it has on this machine',
  positionals: ['NAME'],
  example: 'sallyport lab down trial',
  async run(context, _values, [name = '']) {
    await labDown(name)
    context.result({ name, removed: true }, () => `Lab ${name} is gone: processes, network, mounts and files.`)
  },
}
