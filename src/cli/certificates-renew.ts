import { resolve } from 'node:path'
import { renewCertificates } from '../enclave/station/renew-certificates.ts'
import { readSiteFiles } from '../enclave/station/site-files.ts'
import type { Command } from './command.ts'
import { SITE_OPTIONS, secretsOf } from './site-options.ts'

export const command: Command = {
  name: ['certificates', 'renew'],
  summary: 'give services new keys and certificates; the old ones stay in use until the new are there',
  options: {
    ...SITE_OPTIONS,
    service: { type: 'string', value: 'NAME', summary: 'this service only' },
    host: { type: 'string', value: 'NAME', summary: 'on this host only' },
    'ca-passphrase-file': { type: 'string', value: 'FILE', summary: 'passphrase of the issuing CA (mode 0600) instead of asking' },
  },
  example: 'sallyport certificates renew --service keycloak --site out/site',
  async run(context, values) {
    const files = await readSiteFiles(resolve(context.cwd, values.need('site')))
    const which = { service: values.text('service'), host: values.text('host') }
    const hosts = await renewCertificates(files, which, secretsOf(context, values), new Date())
    context.result({ hosts }, () => hosts.join('\n'))
  },
}
