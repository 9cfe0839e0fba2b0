import type { CertificateStatus } from './certificate-status.ts'
import type { Imported } from './import-certificates.ts'
import type { ListInForce } from './revocations.ts'

export function describeCertificates({ site, certificates, authorities, due }: CertificateStatus): string {
  const rows = certificates.map(({ host, service, state, notAfter = '', daysLeft, renewal = '', serial = '', waiting }) => [
    host,
    service,
    waiting && state !== 'waiting' ? `${state}, waiting` : state,
    daysLeft === undefined ? '' : `${daysLeft} d`,
    notAfter.slice(0, 10),
    renewal.slice(0, 10),
    waiting ? `since ${waiting.since.slice(0, 10)}` : serial,
  ])
  const above = authorities.map(({ name, kind, daysLeft, notAfter, list }) => [
    kind,
    `${daysLeft} d`,
    notAfter.slice(0, 10),
    list ? `list ${list.number}, ${list.revoked} revoked, next ${list.nextUpdate}` : 'no revocation list',
    name,
  ])
  return [
    `Certificates of site ${site}`,
    ...table([['host', 'service', 'state', 'left', 'ends', 'renewed from', 'serial or waiting'], ...rows]),
    '',
    ...table([['authority', 'left', 'ends', 'revocation list', 'name'], ...above]),
    '',
    ...(due.length === 0 ? ['Nothing is due.'] : ['Due, the most urgent first:', ...due.map((line) => `  ${line}`)]),
  ].join('\n')
}

export function describeImported({ taken, missing, lists }: Imported): string {
  return [
    `${taken.length} certificate(s) taken and handed to their hosts`,
    ...taken.map((line) => `  ${line}`),
    ...(missing.length > 0 ? [`${missing.length} still missing:`, ...missing.map(({ service, host, since }) => `  ${service} on ${host}, asked for since ${since}`)] : []),
    ...(lists.length > 0 ? [`Revocation lists among the files: sallyport certificates crl ${lists.join(' ')} --site DIR`] : []),
    missing.length > 0 ? 'The plan goes on waiting for these.' : 'Nothing is missing: run the same install or upgrade again, it goes on where it was.',
  ].join('\n')
}

export function describeLists(lists: readonly ListInForce[]): string {
  return [
    'Revocation lists in force on every host; services take them within half a minute:',
    ...lists.map(({ issuer, number, revoked, nextUpdate }) => `  ${issuer}: number ${number}, ${revoked} revoked, next due ${nextUpdate}`),
  ].join('\n')
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => (row[at] ?? '').length)))
  return rows.map((row) => `  ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ').trimEnd()}`)
}
