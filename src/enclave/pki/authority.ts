import { generateKeyPairSync, X509Certificate, type KeyObject } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fault } from '../codes.ts'
import { EC, privateKey, publicKeyOf, serialNumber, signingKey, SIGNING, x509 } from './x509.ts'

const DAY_MS = 86_400_000
const ROOT_DAYS = 3650
const ISSUING_DAYS = 1095
/** Clocks of hosts differ a little; a certificate valid from this second would be refused by some. */
const BACKDATE_MS = 3_600_000

/** An issuing CA at the station: its certificate, the chain above it, and the key in memory. */
export interface Issuer {
  readonly certificate: string
  readonly key: KeyObject
}

export interface LeafRequest {
  readonly publicKey: KeyObject
  /** Relative distinguished names, most general last as they are printed: `CN=ana,O=Org`. */
  readonly subject: string
  readonly dnsNames?: readonly string[]
  readonly usage: readonly ('server' | 'client')[]
  readonly days: number
  readonly now: Date
}

/** Issues one end-entity certificate (RFC 5280), PEM. It never outlives its issuer. */
export async function issue(issuer: Issuer, request: LeafRequest): Promise<string> {
  const above = new x509.X509Certificate(issuer.certificate)
  const publicKey = await publicKeyOf(request.publicKey)
  const wanted = new Date(request.now.getTime() + request.days * DAY_MS)
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: request.subject,
    issuer: above.subjectName,
    notBefore: new Date(Math.max(request.now.getTime() - BACKDATE_MS, above.notBefore.getTime())),
    notAfter: wanted < above.notAfter ? wanted : above.notAfter,
    publicKey,
    signingKey: await signingKey(issuer.key),
    signingAlgorithm: SIGNING,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(
        request.usage.map((use) => (use === 'server' ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth)),
      ),
      ...(request.dnsNames?.length
        ? [new x509.SubjectAlternativeNameExtension(request.dnsNames.map((value) => ({ type: 'dns' as const, value })))]
        : []),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(above.publicKey),
    ],
  })
  return `${certificate.toString('pem')}\n`
}

export interface AuthorityFiles {
  /** Root certificate, PEM. */
  readonly root: string
  readonly issuing: string
  /** Encrypted PKCS#8. */
  readonly issuingKey: string
}

/**
 * Makes an organisation's PKI for a demo, a lab or a test: a root that signs one issuing CA and is then forgotten (its
 * key never reaches a disk), and the issuing CA with an encrypted key. A real site brings its own.
 */
export async function newAuthority(
  folder: string,
  options: { organisation: string; passphrase: string; now: Date },
): Promise<AuthorityFiles> {
  const { organisation, passphrase, now } = options
  const root = generateKeyPairSync('ec', { namedCurve: EC.namedCurve })
  const issuing = generateKeyPairSync('ec', { namedCurve: EC.namedCurve })
  const rootName = `CN=${organisation} Root CA,O=${organisation}`
  const rootPublic = await publicKeyOf(root.publicKey)
  const authority = async (subject: string, key: KeyObject, days: number, depth: number): Promise<string> => {
    const publicKey = await publicKeyOf(key)
    const made = await x509.X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      subject,
      issuer: rootName,
      notBefore: new Date(now.getTime() - BACKDATE_MS),
      notAfter: new Date(now.getTime() + days * DAY_MS),
      publicKey,
      signingKey: await signingKey(root.privateKey),
      signingAlgorithm: SIGNING,
      extensions: [
        new x509.BasicConstraintsExtension(true, depth, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(publicKey),
        await x509.AuthorityKeyIdentifierExtension.create(rootPublic),
      ],
    })
    return `${made.toString('pem')}\n`
  }
  const files = { root: join(folder, 'root.pem'), issuing: join(folder, 'issuing.pem'), issuingKey: join(folder, 'issuing-key.pem') }
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await writeFile(files.root, await authority(rootName, root.publicKey, ROOT_DAYS, 1))
  await writeFile(files.issuing, await authority(`CN=${organisation} Issuing CA,O=${organisation}`, issuing.publicKey, ISSUING_DAYS, 0))
  const sealed = issuing.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase })
  await writeFile(files.issuingKey, sealed, { mode: 0o600 })
  return files
}

/** Opens an issuing CA. Throws E_ISSUING_CA when certificate, key and passphrase do not fit, or it may not issue now. */
export async function openIssuer(files: { issuing: string; issuingKey: string }, passphrase: string, now: Date): Promise<Issuer> {
  const certificate = await readFile(files.issuing, 'utf8')
  const sealed = await readFile(files.issuingKey, 'utf8')
  let key: KeyObject
  try {
    key = privateKey(sealed, passphrase)
  } catch (cause) {
    throw fault('E_ISSUING_CA', `${files.issuingKey} does not open with this passphrase`, { cause })
  }
  const parsed = new X509Certificate(certificate)
  const faults: string[] = []
  if (!parsed.ca) faults.push('the certificate is not a CA’s')
  if (!parsed.checkPrivateKey(key)) faults.push('the key is not the certificate’s')
  if (key.asymmetricKeyDetails?.namedCurve !== 'secp384r1') faults.push('the key is not on the curve P-384')
  if (now < parsed.validFromDate || now > parsed.validToDate)
    faults.push(`valid from ${parsed.validFromDate.toISOString()} to ${parsed.validToDate.toISOString()}, now ${now.toISOString()}`)
  if (faults.length > 0) throw fault('E_ISSUING_CA', `${files.issuing} cannot issue`, { faults })
  return { certificate, key }
}

/** A person's key and certificate chain, PEM: made at the station for a demo, a lab or a test. */
export async function newPerson(
  issuer: Issuer,
  person: { id: string; organisation: string; days: number; now: Date },
): Promise<{ key: string; certificate: string }> {
  const pair = generateKeyPairSync('ec', { namedCurve: EC.namedCurve })
  const leaf = await issue(issuer, {
    publicKey: pair.publicKey,
    subject: `CN=${person.id},O=${person.organisation}`,
    usage: ['client'],
    days: person.days,
    now: person.now,
  })
  return {
    key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    certificate: `${leaf}${issuer.certificate}`,
  }
}
