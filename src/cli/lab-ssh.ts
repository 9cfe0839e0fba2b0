import { labNamed, labShell, splitWords } from '../lab/lab.ts'
import type { Command } from './command.ts'

export const command: Command = {
  name: ['lab', 'ssh'],
  summary: 'log in to a lab host as root, or run one command on it',
  positionals: ['NAME', '[HOST]', '[CMD...]'],
  example: 'sallyport lab ssh trial h1 -- systemctl is-system-running',
  async run(context, _values, [name = '', ...words]) {
    const lab = await labNamed(name)
    const { host, line } = splitWords(lab, words)
    const code = await labShell(lab, host, line)
    if (code === 0) return
    context.say(`the command on ${host.name} ended with status ${code}`)
    process.exitCode = code
  },
}
