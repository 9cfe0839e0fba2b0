import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fault } from '../codes.ts'
import { writeDurably } from '../journal/durable.ts'
import type { HostPaths } from '../paths.ts'
import { certificateFaults } from './check.ts'
import type { Wanted } from './request.ts'

/** An answer to a request: leaf first, then what leads to a root. PEM. */
export interface IssuedCertificate {
  readonly service: string
  readonly chain: string
}

/** On the host: checks every certificate against its key, names and root, then puts all of them in place, or none. */
export async function acceptCertificates(
  paths: HostPaths,
  wanted: readonly Wanted[],
  roots: string,
  issued: readonly IssuedCertificate[],
  now: Date,
): Promise<void> {
  const faults: string[] = []
  for (const { service, chain } of issued) {
    const names = wanted.find((one) => one.service === service)?.names
    if (!names) {
      faults.push(`${service}: is no service of this host`)
      continue
    }
    const key = await readFile(join(paths.pki, service, 'key.pem'), 'utf8')
    faults.push(...certificateFaults(chain, roots, { key, names, now }).map((text) => `${service}: ${text}`))
  }
  if (faults.length > 0) throw fault('E_CERTIFICATE', `${faults.length} fault(s) in the certificates`, { faults })
  await writeDurably(join(paths.pki, 'ca.pem'), roots, 0o644)
  for (const { service, chain } of issued) await writeDurably(join(paths.pki, service, 'cert.pem'), chain, 0o644)
}
