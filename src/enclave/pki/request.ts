import { createHash, createPublicKey } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import type { HostPaths } from '../paths.ts'
import { certificateFaults } from './check.ts'
import type { Wanted } from './identity.ts'
import { newKey, noteRequest, pairInUse, pending } from './key-pair.ts'
import { assertNoKey } from './pem.ts'
import type { RevocationList } from './revocation-list.ts'
import { privateKey, publicKeyOf, signingKey, SIGNING, x509 } from './x509.ts'

/** What leaves the host: no secret, made to be reviewed. */
export interface CertificateRequest extends Wanted {
  readonly host: string
  /** PKCS#10, PEM. The same text until it is answered. */
  readonly request: string
  /** SHA-256 of the SubjectPublicKeyInfo, hexadecimal. */
  readonly fingerprint: string
  /** When it was first asked for, and why. */
  readonly since: string
  readonly reason: string
}

export interface Asking {
  readonly host: string
  readonly wanted: readonly Wanted[]
  /** Roots, PEM. */
  readonly roots: string
  readonly lists: readonly RevocationList[]
  /** Services that get a new key although theirs is good. */
  readonly renew: readonly string[]
  readonly now: Date
}

/**
 * On the host: makes a key for each service whose certificate is missing, cannot be used, or has less than a third of its
 * life left, and answers one request each. What is in use stays in use until the answer is there.
 */
export async function requestCertificates(paths: HostPaths, asking: Asking): Promise<CertificateRequest[]> {
  await mkdir(paths.pki, { recursive: true, mode: 0o755 })
  const requests: CertificateRequest[] = []
  for (const wanted of asking.wanted) {
    const reason = await reasonFor(paths, wanted, asking)
    if (reason !== undefined) requests.push(await requestFor(paths, asking, wanted, reason))
  }
  assertNoKey(JSON.stringify(requests), 'certificate requests')
  return requests
}

async function reasonFor(paths: HostPaths, wanted: Wanted, { roots, lists, renew, now }: Asking): Promise<string | undefined> {
  const pair = await pairInUse(paths, wanted.service)
  if (!pair) return 'there is none yet'
  const faults = certificateFaults(pair.chain, roots, { key: pair.key, wanted, now, renewal: true, lists })
  if (faults.length > 0) return faults.join('; ')
  const waiting = await pending(paths, wanted.service)
  return waiting?.reason ?? (renew.includes(wanted.service) ? 'a new one was asked for' : undefined)
}

async function requestFor(paths: HostPaths, { host, now }: Asking, wanted: Wanted, reason: string): Promise<CertificateRequest> {
  const waiting = await pending(paths, wanted.service)
  const named = [wanted.service, ...wanted.names, wanted.uri ?? ''].join(' ')
  const key = waiting?.key ?? (await newKey(paths, wanted.service))
  const ask =
    waiting?.named === named
      ? waiting
      : { since: waiting?.since ?? now.toISOString(), reason, request: await pkcs10(key, wanted), named }
  if (ask !== waiting) await noteRequest(paths, wanted.service, ask)
  const spki = createPublicKey(privateKey(key)).export({ type: 'spki', format: 'der' })
  return { host, ...wanted, request: ask.request, fingerprint: createHash('sha256').update(spki).digest('hex'), since: ask.since, reason: ask.reason }
}

async function pkcs10(pem: string, { service, names, uri }: Wanted): Promise<string> {
  const key = privateKey(pem)
  const alternatives = [...names.map((value) => ({ type: 'dns' as const, value })), ...(uri === undefined ? [] : [{ type: 'url' as const, value: uri }])]
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: `CN=${service}`,
    keys: { privateKey: await signingKey(key), publicKey: await publicKeyOf(createPublicKey(key)) },
    signingAlgorithm: SIGNING,
    extensions: [
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension(alternatives),
    ],
  })
  return `${request.toString('pem')}\n`
}
