import { resolve } from 'node:path'
import { describeImported } from '../enclave/station/describe-certificates.ts'
import { importCertificates } from '../enclave/station/import-certificates.ts'
import { readSiteFiles } from '../enclave/station/site-files.ts'
import type { Command } from './command.ts'
import { SITE_OPTIONS, secretsOf } from './site-options.ts'

export const command: Command = {
  name: ['certificates', 'import'],
  summary: 'take what the organisation’s PKI has issued from a folder, in any order, and hand it to the hosts',
  positionals: ['FOLDER'],
  options: SITE_OPTIONS,
  example: 'sallyport certificates import /media/disc/answers --site out/site',
  async run(context, values, [folder = '']) {
    const files = await readSiteFiles(resolve(context.cwd, values.need('site')))
    const imported = await importCertificates(files, resolve(context.cwd, folder), secretsOf(context, values), new Date())
    context.result(imported, () => describeImported(imported))
  },
}
