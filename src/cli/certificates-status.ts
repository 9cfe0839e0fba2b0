import { resolve } from 'node:path'
import { certificateStatus } from '../enclave/station/certificate-status.ts'
import { describeCertificates } from '../enclave/station/describe-certificates.ts'
import { readSiteFiles } from '../enclave/station/site-files.ts'
import type { Command } from './command.ts'
import { SITE_OPTIONS, secretsOf } from './site-options.ts'

export const command: Command = {
  name: ['certificates', 'status'],
  summary: 'say how long each certificate, authority and revocation list of a site still lives, and what is missing since when',
  options: SITE_OPTIONS,
  example: 'sallyport certificates status --site out/site',
  async run(context, values) {
    const files = await readSiteFiles(resolve(context.cwd, values.need('site')))
    const status = await certificateStatus(files, secretsOf(context, values), new Date())
    context.result(status, () => describeCertificates(status))
  },
}
