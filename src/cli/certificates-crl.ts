import { resolve } from 'node:path'
import { describeLists } from '../enclave/station/describe-certificates.ts'
import { takeRevocationLists } from '../enclave/station/revocations.ts'
import { readSiteFiles } from '../enclave/station/site-files.ts'
import type { Command } from './command.ts'
import { SITE_OPTIONS, secretsOf } from './site-options.ts'

export const command: Command = {
  name: ['certificates', 'crl'],
  summary: 'take revocation lists (PEM or DER), check them, and put them in force on every host',
  positionals: ['FILE...'],
  options: {
    ...SITE_OPTIONS,
    'ca-passphrase-file': { type: 'string', value: 'FILE', summary: 'passphrase of a delegated CA that has no list yet (mode 0600) instead of asking' },
  },
  example: 'sallyport certificates crl root.crl issuing.crl --site out/site',
  async run(context, values, paths) {
    const files = await readSiteFiles(resolve(context.cwd, values.need('site')))
    const chosen = paths.map((path) => resolve(context.cwd, path))
    const lists = await takeRevocationLists(files, chosen, secretsOf(context, values), new Date())
    context.result({ lists }, () => describeLists(lists))
  },
}
