import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { readIfPresent, writeDurably } from '../journal/durable.ts'
import type { HostPaths } from '../paths.ts'
import { certificateFaults } from './check.ts'
import { EC, privateKey, publicKeyOf, signingKey, SIGNING, x509 } from './x509.ts'

/** One service of a host that needs a certificate. */
export interface Wanted {
  readonly service: string
  readonly names: readonly string[]
}

/** What leaves the host: no secret, made to be reviewed. */
export interface CertificateRequest extends Wanted {
  readonly host: string
  /** PKCS#10, PEM. */
  readonly request: string
}

/** The names a service's certificate carries. */
export function wantedFor(services: readonly string[], domain: string): Wanted[] {
  return services.map((service) => ({ service, names: [`${service}.${domain}`, 'localhost'] }))
}

/**
 * On the host: makes the keys that are missing and answers one request for each service whose certificate is missing,
 * does not fit, or has less than a third of its life left. Keys never leave the host.
 */
export async function requestCertificates(
  paths: HostPaths,
  host: string,
  wanted: readonly Wanted[],
  roots: string,
  now: Date,
): Promise<CertificateRequest[]> {
  await mkdir(paths.pki, { recursive: true, mode: 0o755 })
  const requests: CertificateRequest[] = []
  for (const one of wanted) {
    const key = await keyOf(paths, one.service)
    const chain = await readIfPresent(join(paths.pki, one.service, 'cert.pem'))
    if (chain !== undefined && certificateFaults(chain, roots, { key, names: one.names, now, renewal: true }).length === 0) continue
    requests.push({ host, ...one, request: await pkcs10(key, one) })
  }
  return requests
}

async function keyOf(paths: HostPaths, service: string): Promise<string> {
  const folder = join(paths.pki, service)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await chmod(folder, 0o700)
  const path = join(folder, 'key.pem')
  const present = await readIfPresent(path)
  if (present !== undefined) return present
  const pem = generateKeyPairSync('ec', { namedCurve: EC.namedCurve }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  await writeDurably(path, pem, 0o600)
  return pem
}

async function pkcs10(pem: string, { service, names }: Wanted): Promise<string> {
  const key = privateKey(pem)
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: `CN=${service}`,
    keys: { privateKey: await signingKey(key), publicKey: await publicKeyOf(createPublicKey(key)) },
    signingAlgorithm: SIGNING,
    extensions: [new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns' as const, value })))],
  })
  return `${request.toString('pem')}\n`
}
