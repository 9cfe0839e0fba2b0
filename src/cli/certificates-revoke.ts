import { resolve } from 'node:path'
import { REASONS, type Reason } from '../enclave/pki/issue.ts'
import { serialOf } from '../enclave/pki/revocation-list.ts'
import { describeLists } from '../enclave/station/describe-certificates.ts'
import { lastIssued } from '../enclave/station/certificate-files.ts'
import { revoke } from '../enclave/station/revocations.ts'
import { readSiteFiles, type SiteFiles } from '../enclave/station/site-files.ts'
import { fault } from './codes.ts'
import type { Command, Values } from './command.ts'
import { SITE_OPTIONS, secretsOf } from './site-options.ts'

const DEFAULT_DAYS = 30

export const command: Command = {
  name: ['certificates', 'revoke'],
  summary: 'revoke certificates of the delegated CA and put its list in force; without any, make the list anew',
  positionals: ['[SERIAL...]'],
  options: {
    ...SITE_OPTIONS,
    service: { type: 'string', value: 'NAME', summary: 'the certificate that this service was given last, with --host' },
    host: { type: 'string', value: 'NAME', summary: 'host of the service' },
    reason: { type: 'string', value: 'REASON', summary: `${Object.keys(REASONS).join(', ')} (default: unspecified)` },
    days: { type: 'string', value: 'N', summary: `days until the next list is due (default: ${DEFAULT_DAYS})` },
    'ca-passphrase-file': { type: 'string', value: 'FILE', summary: 'passphrase of the issuing CA (mode 0600) instead of asking' },
  },
  example: 'sallyport certificates revoke --service keycloak --host h1 --reason keyCompromise --site out/site',
  async run(context, values, serials) {
    const files = await readSiteFiles(resolve(context.cwd, values.need('site')))
    const wanted = [...serials, ...(await serialsOf(values, files))]
    const odd = wanted.filter((serial) => !/^[0-9a-fA-F]{1,40}$/.test(serial))
    if (odd.length > 0) throw fault('E_USAGE', `${odd.join(', ')} is no serial number`, { expected: 'hexadecimal, as openssl x509 -serial prints it' })
    const request = { serials: wanted.map(serialOf), reason: reasonOf(values), days: daysOf(values) }
    const lists = await revoke(files, request, secretsOf(context, values), new Date())
    context.result({ revoked: request.serials, lists }, () => describeLists(lists))
  },
}

async function serialsOf(values: Values, { folder }: SiteFiles): Promise<string[]> {
  const [service, host] = [values.text('service'), values.text('host')]
  if (service === undefined && host === undefined) return []
  if (service === undefined || host === undefined) throw fault('E_USAGE', '--service and --host go together')
  const certificate = await lastIssued(folder, host, service)
  if (certificate) return [certificate.serialNumber]
  throw fault('E_USAGE', `this station has issued no certificate to ${service} on ${host}`, { next: 'sallyport certificates status --site DIR shows serials' })
}

function reasonOf(values: Values): Reason {
  const given = values.text('reason') ?? 'unspecified'
  if (Object.hasOwn(REASONS, given)) return given as Reason
  throw fault('E_USAGE', `${given} is no reason`, { expected: Object.keys(REASONS).join(', ') })
}

function daysOf(values: Values): number {
  const days = Number(values.text('days') ?? DEFAULT_DAYS)
  if (Number.isInteger(days) && days >= 1 && days <= 3650) return days
  throw fault('E_USAGE', `--days ${values.text('days')}`, { expected: 'a whole number from 1 to 3650' })
}
