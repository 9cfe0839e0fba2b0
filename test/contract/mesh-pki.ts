import 'reflect-metadata'
import { createHash, randomBytes, webcrypto } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'
import type { TlsFiles } from '../../src/mesh/tls/material.ts'

export interface Issued {
  readonly keyPem: string
  readonly certificatePem: string
  /** `x5t#S256`. */
  readonly thumbprint: string
}

/** An organisation's PKI in a temporary folder: P-384, one root. */
export interface Pki {
  readonly caPem: string
  readonly folder: string
  issue(name: string): Issued
  /** The same as files. */
  files(name: string): TlsFiles
  remove(): void
}

/** A key pair as the library's own types see it. */
type Keys = Required<x509.X509CertificateCreateSelfSignedParams>['keys']

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' } as const

/** `names`: common names; `localhost` is also a DNS name. */
export async function createPki(names: readonly string[]): Promise<Pki> {
  // The library's types are the browser's, which this project does not load.
  x509.cryptoProvider.set(webcrypto as never)
  const folder = mkdtempSync(join(tmpdir(), 'mesh-pki-'))
  const usages = ['sign', 'verify'] as const
  const rootKeys = (await webcrypto.subtle.generateKey(ALGORITHM, true, usages)) as unknown as Keys
  const notBefore = new Date(Date.now() - 60_000)
  const notAfter = new Date(Date.now() + 86_400_000)
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: randomBytes(8).toString('hex'),
    name: 'CN=Test root',
    notBefore,
    notAfter,
    signingAlgorithm: ALGORITHM,
    keys: rootKeys,
    extensions: [new x509.BasicConstraintsExtension(true, 1, true)],
  })
  const issued = new Map<string, Issued>()
  for (const name of names) {
    const keys = (await webcrypto.subtle.generateKey(ALGORITHM, true, usages)) as unknown as Keys
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: randomBytes(8).toString('hex'),
      subject: `CN=${name}`,
      issuer: root.subject,
      notBefore,
      notAfter,
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey: rootKeys.privateKey,
      extensions: [
        new x509.ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']),
        ...(name === 'localhost' ? [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: name }])] : []),
      ],
    })
    const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey as never))
    issued.set(name, {
      keyPem: `-----BEGIN PRIVATE KEY-----\n${key.toString('base64')}\n-----END PRIVATE KEY-----\n`,
      certificatePem: certificate.toString('pem'),
      thumbprint: createHash('sha256').update(Buffer.from(certificate.rawData)).digest('base64url'),
    })
  }
  const caPem = root.toString('pem')
  const issue = (name: string): Issued => {
    const found = issued.get(name)
    if (found === undefined) throw new Error(`no certificate was issued for ${name}`)
    return found
  }
  const write = (file: string, text: string): string => {
    const path = join(folder, file)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }
  return {
    caPem,
    folder,
    issue,
    files(name) {
      const { keyPem, certificatePem } = issue(name)
      return {
        key: write(`${name}.key.pem`, keyPem),
        certificate: write(`${name}.cert.pem`, certificatePem),
        ca: write('ca.pem', caPem),
      }
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
