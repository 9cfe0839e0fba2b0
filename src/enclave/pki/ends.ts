import type { X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { readIfPresent, writeDurably } from '../journal/durable.ts'
import type { HostPaths } from '../paths.ts'
import { serialOf } from './revocation-list.ts'

/**
 * When a certificate of the site ends. A service that cannot ask a session for it, as PostgreSQL, finds it by the serial
 * number; where two authorities gave the same number the earlier end counts.
 */
export interface CertificateEnd {
  /** Hexadecimal, lower case, without leading zeros. */
  readonly serial: string
  readonly decimal: string
  /** ISO 8601. */
  readonly notAfter: string
}

/** One that ended is remembered for as long as a session may have been begun with it. */
const REMEMBERED_MS = 86_400_000

export function endOf(certificate: X509Certificate): CertificateEnd {
  const serial = serialOf(certificate.serialNumber)
  return { serial, decimal: BigInt(`0x${serial}`).toString(), notAfter: certificate.validToDate.toISOString() }
}

/** Adds to what this host knows of certificates of its site: `ends.json`, which the role `certificates` hands out. */
export async function rememberEnds(paths: HostPaths, ends: readonly CertificateEnd[], now: Date): Promise<void> {
  const file = join(paths.pki, 'ends.json')
  const before = await readIfPresent(file)
  const held = before === undefined ? [] : (JSON.parse(before) as { ends: CertificateEnd[] }).ends
  const all = new Map<string, CertificateEnd>()
  for (const end of [...held, ...ends]) {
    const other = all.get(end.serial)
    if (Date.parse(end.notAfter) + REMEMBERED_MS > now.getTime() && (!other || end.notAfter < other.notAfter)) all.set(end.serial, end)
  }
  const lines = [...all.values()].toSorted((a, b) => (a.serial < b.serial ? -1 : 1)).map((end) => JSON.stringify(end))
  const text = `{"ends": [\n${lines.join(',\n')}\n]}\n`
  if (text !== before) await writeDurably(file, text, 0o644)
}
