import { resolve } from 'node:path'
import { Connection } from '../enclave/remote/connection.ts'
import { addHost } from '../enclave/site/add-host.ts'
import { depotOf, ROLES, type Role, type SiteHost } from '../enclave/site/site.ts'
import { trustEngine } from '../enclave/station/authorise.ts'
import { loginOf } from '../enclave/station/session.ts'
import type { Command } from './command.ts'
import { hostOf, SITE_OPTIONS, secretsOf } from './site-options.ts'

export const command: Command = {
  name: ['host', 'add'],
  summary: 'add a host to a site: its confirmed SSH key, and its trust in the certificate that the operator signs for the engine',
  positionals: ['NAME=ADDRESS[,PORT]'],
  options: {
    ...SITE_OPTIONS,
    'host-key': { type: 'string', value: 'SHA256:…', summary: 'fingerprint that its administrator reads on the console' },
    roles: { type: 'string', value: 'ROLE,…', summary: `what it is for: ${ROLES.join(', ')}` },
  },
  example: 'sallyport host add h4=192.0.2.13 --site site --host-key SHA256:… --roles trino-worker,proxy,node-exporter',
  async run(context, values, [word = '']) {
    const folder = resolve(context.cwd, values.need('site'))
    const named = hostOf(word)
    const roles = (values.text('roles') ?? '').split(',').filter((role) => role !== '') as Role[]
    const { site, write } = await addHost(folder, { ...named, fingerprint: values.text('host-key'), roles })
    const host = site.hosts.find((one) => one.name === named.name) as SiteHost
    const login = await loginOf(site, secretsOf(context, values))
    const connection = await Connection.open(host, login)
    try {
      await trustEngine([connection], site, depotOf(site).address, login)
    } finally {
      connection.close()
    }
    await write()
    context.result({ folder, host }, () =>
      [`${host.name} (${host.address}) belongs to site ${site.name}: ${host.roles.join(', ') || 'no role'}`, 'Next: sallyport install BUNDLE --site DIR brings it to the running release'].join('\n'),
    )
  },
}
