import { labUp, type Lab } from '../lab/lab.ts'
import type { Command } from './command.ts'

export const command: Command = {
  name: ['lab', 'up'],
  endsItself: true,
  summary: 'make and start disposable Debian 13 hosts that only this machine can reach',
  positionals: ['NAME'],
  options: {
    hosts: { type: 'string', value: 'N', summary: 'how many hosts, 1 to 13 (default 1); they are named h1, h2…' },
    with: { type: 'string', value: 'PACKAGES', summary: 'more Debian packages, separated by commas, for tool hosts' },
    mount: { type: 'string', value: 'FROM:TO', multiple: true, summary: 'show a folder of this machine, read-only' },
  },
  example: 'sallyport lab up trial --hosts 1',
  async run(context, values, [name = '']) {
    let lab: Lab | undefined
    await context.tasks([
      {
        title: `lab ${name}`,
        async run(progress) {
          lab = await labUp({
            name,
            hosts: Number(values.text('hosts') ?? 1),
            with: (values.text('with') ?? '').split(',').filter((word) => word !== ''),
            mounts: values.list('mount').map((words) => {
              const [from = '', to = ''] = words.split(/:(.*)/s)
              return { from, to, readOnly: true }
            }),
            progress,
            signal: context.signal,
          })
          return `${lab.hosts.length} host(s)`
        },
      },
    ])
    if (lab !== undefined) context.result(lab, () => describe(lab as Lab))
  },
}

function describe(lab: Lab): string {
  const known = lab.hosts.flatMap(({ address, hostKeys }) => hostKeys.map((key) => `  ${address} ${key}`))
  return [
    `Lab ${lab.name} is up, on ${lab.bridge} of this machine (${lab.station}); no host has a route out.`,
    ...lab.hosts.map((host) => `  ${host.name}  ${host.user}@${host.address} port ${host.port}`),
    `Log in:           sallyport lab ssh ${lab.name}`,
    `Key of the lab:   ${lab.identity}`,
    `Host keys, as in known_hosts (${lab.knownHosts}):`,
    ...known,
    `Remove it all:    sallyport lab down ${lab.name}`,
  ].join('\n')
}
