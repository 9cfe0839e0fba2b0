import { generateKeyPairSync, X509Certificate, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { fault } from '../codes.ts'
import { issue, type Issuer } from './issue.ts'
import { EC, privateKey } from './x509.ts'

export { issue, type Issuer } from './issue.ts'
export { newAuthority, type AuthorityFiles } from './new-authority.ts'

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

/**
 * A person's key and certificate chain, PEM: made at the station for a demo, a lab or a test. A partner's person needs an e-mail
 * address: under constraints on names BoringSSL refuses a leaf without alternative names whose common name could be a host's.
 */
export async function newPerson(
  issuer: Issuer,
  person: { id: string; organisation: string; days: number; now: Date; email?: string },
): Promise<{ key: string; certificate: string }> {
  const pair = generateKeyPairSync('ec', { namedCurve: EC.namedCurve })
  const leaf = await issue(issuer, {
    publicKey: pair.publicKey,
    subject: `O=${person.organisation},CN=${person.id}`,
    ...(person.email === undefined ? {} : { email: person.email }),
    usage: ['client'],
    days: person.days,
    now: person.now,
  })
  return {
    key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    certificate: `${leaf}${issuer.certificate}`,
  }
}
