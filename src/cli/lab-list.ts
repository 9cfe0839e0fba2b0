import { labList, type LabListing } from '../lab/lab.ts'
import type { Command } from './command.ts'

export const command: Command = {
  name: ['lab', 'list'],
  summary: 'list the labs of this machine, after clearing what crashes left',
  example: 'sallyport lab list',
  async run(context) {
    const labs = await labList()
    context.result(labs, () => (labs.length === 0 ? 'No lab on this machine.' : labs.map(describe).join('\n')))
  },
}

function describe(lab: LabListing): string {
  const hosts = lab.hosts.map((host) => `  ${host.name}  ${host.user}@${host.address}  ${lab.power[host.name]}`)
  return [`${lab.name}  ${lab.phase}  ${lab.bridge}`, ...hosts].join('\n')
}
