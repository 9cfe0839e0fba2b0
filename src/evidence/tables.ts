import type { Finding } from './advisories/findings.ts'
import type { Right } from './diff/services.ts'
import { actionOf } from './oscal/poam.ts'
import type { Packages } from './packages.ts'

/** RFC 4180. A cell that a spreadsheet would take for a formula begins with an apostrophe. */
export function csv(rows: readonly (readonly string[])[]): Buffer {
  const cell = (text: string): string => {
    const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
  }
  return Buffer.from(rows.map((row) => `${row.map(cell).join(',')}\r\n`).join(''))
}

export function portsTable(rights: readonly Right[]): Buffer {
  const ports = rights.filter(({ topic }) => topic === 'port')
  const callers = (service: string, listener: string): string =>
    rights.flatMap((one) => (one.topic === 'caller' && one.service === service && one.name.startsWith(`${listener} ← `) ? [`${one.name.slice(listener.length + 3)}: ${one.value}`] : [])).join('; ')
  return csv([['service', 'listener', 'port and protocol', 'callers'], ...ports.map(({ service, name, value }) => [service, name, value, callers(service, name)])])
}

export function softwareTable(packages: Packages): Buffer {
  const rows = [...packages].flatMap(([name, versions]) => versions.map(({ version, purl, places, sha512 = '' }) => [...name.split(/ (.*)/s).slice(0, 2), version, purl, places.join('; '), sha512]))
  return csv([['ecosystem', 'name', 'version', 'purl', 'where', 'sha512'], ...rows])
}

/** The columns that trackers of weaknesses ask for; what only the site knows is left empty. */
export function poamTable(findings: readonly Finding[]): Buffer {
  const rows = findings
    .filter((one) => one.open)
    .map((one) => [one.id, `${one.id} in ${one.name} ${one.version}`, one.summary, one.sources.join('; '), one.severity ?? '', one.packages.map(({ name, version, places }) => `${name} ${version} (${places.join(', ')})`).join('; '), actionOf(one), '', '', 'open'])
  return csv([['weakness id', 'weakness', 'description', 'source', 'severity', 'assets', 'action', 'responsible', 'scheduled completion', 'status'], ...rows])
}
