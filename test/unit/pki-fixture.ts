import { execFileSync } from 'node:child_process'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { certificatesIssued, certificatesWanted, type CertificateQuestion } from '../../src/enclave/engine/certificates.ts'
import { hostPaths } from '../../src/enclave/paths.ts'
import { newAuthority, openIssuer } from '../../src/enclave/pki/authority.ts'
import type { Issuer, LeafRequest } from '../../src/enclave/pki/issue.ts'
import { issue } from '../../src/enclave/pki/issue.ts'
import { certificatesIn } from '../../src/enclave/pki/pem.ts'
import type { CertificateRequest } from '../../src/enclave/pki/request.ts'
import { answerWithIssuer } from '../../src/enclave/pki/sign.ts'
import { x509 } from '../../src/enclave/pki/x509.ts'
import { temporary } from './bundle-fixture.ts'

/** Handshakes ask the machine's clock, so the tests live now. */
export const NOW = new Date()
export const DAY = 86_400_000
export const PASSPHRASE = 'correct horse'

export const later = (days: number): Date => new Date(NOW.getTime() + days * DAY)

/** An organisation with its PKI, and one host of a site that has two services. */
export async function organisation(t: TestContext) {
  const folder = await temporary(t)
  const files = await newAuthority(join(folder, 'ca'), {
    organisation: 'Demo',
    passphrase: PASSPHRASE,
    now: NOW,
    partners: { ally: { organisation: 'Ally', domain: 'demo.example' } },
  })
  const roots = await readFile(files.root, 'utf8')
  const issuing = await readFile(files.issuing, 'utf8')
  const issuer = await openIssuer(files, PASSPHRASE, NOW)
  const paths = hostPaths(join(folder, 'h1'))
  const question: CertificateQuestion = {
    host: 'h1',
    services: ['depot', 'keycloak'],
    domain: 'demo.example',
    roots,
    issuing,
    partners: '',
    lists: '',
  }
  const rule = { roots: certificatesIn(roots), issuing: certificatesIn(issuing), lists: [], now: NOW }
  return { folder, files, roots, issuing, issuer, paths, question, rule }
}

export type Organisation = Awaited<ReturnType<typeof organisation>>

/** Gives the host every certificate it asks for, as a delegated CA does. */
export async function furnish({ paths, question, issuer }: Pick<Organisation, 'paths' | 'question' | 'issuer'>, now = NOW): Promise<void> {
  const requests = await certificatesWanted(paths, question, now)
  await certificatesIssued(paths, { ...question, issued: await answerWithIssuer(requests, issuer, 90, now) }, now)
}

export function keyOf(request: CertificateRequest) {
  const { rawData } = new x509.Pkcs10CertificateRequest(request.request).publicKey
  return createPublicKey({ key: Buffer.from(rawData), format: 'der', type: 'spki' })
}

/** A certificate for a request that differs from what was asked for by `change`. */
export async function answered(issuer: Issuer, request: CertificateRequest, change: Partial<LeafRequest> = {}): Promise<string> {
  const asked = { publicKey: keyOf(request), subject: `CN=${request.service}`, dnsNames: request.names, usage: ['server', 'client'] as const, days: 90, now: NOW }
  return (await issue(issuer, { ...asked, ...change })) + issuer.certificate
}

export const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-384' })

/** openssl as another reader of what we write. */
export function openssl(words: readonly string[], input?: string | Buffer): string {
  return execFileSync('openssl', words, { encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'], ...(input === undefined ? {} : { input }) })
}
