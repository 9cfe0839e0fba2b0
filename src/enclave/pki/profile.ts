import type { X509Certificate } from 'node:crypto'
import { oneLine } from './pem.ts'
import type { Wanted } from './identity.ts'
import { privateKey, x509 } from './x509.ts'

const SERVER = '1.3.6.1.5.5.7.3.1'
const CLIENT = '1.3.6.1.5.5.7.3.2'
const USES: Readonly<Record<string, string>> = {
  [SERVER]: 'TLS server authentication',
  [CLIENT]: 'TLS client authentication',
  '2.5.29.37.0': 'any purpose',
  '1.3.6.1.5.5.7.3.3': 'code signing',
  '1.3.6.1.5.5.7.3.4': 'e-mail',
  '1.3.6.1.5.5.7.3.9': 'signing OCSP answers',
}

/** Every way in which a leaf is not what was asked for: key, names, usage (RFC 5280 4.2.1). One line each. */
export function profileFaults(leaf: X509Certificate, wanted: Wanted, key?: string): string[] {
  const faults: string[] = []
  const parsed = new x509.X509Certificate(leaf.raw)
  if (leaf.ca) faults.push('it is a CA’s certificate')
  if (leaf.publicKey.asymmetricKeyDetails?.namedCurve !== 'secp384r1') faults.push('its key is not on the curve P-384')
  if (key !== undefined && !leaf.checkPrivateKey(privateKey(key))) faults.push('it belongs to another key')
  const names = parsed.subjectName.getField('CN')
  if (names.length !== 1 || names[0] !== wanted.service)
    faults.push(`its common name is ${names.join(' and ') || 'missing'}, not ${wanted.service}`)
  faults.push(...alternativeNameFaults(parsed, wanted), ...usageFaults(parsed))
  return faults
}

function alternativeNameFaults(leaf: x509.X509Certificate, wanted: Wanted): string[] {
  const asked = new Set([...wanted.names.map((name) => `dns:${name}`), ...(wanted.uri === undefined ? [] : [`url:${wanted.uri}`])])
  const found = new Set(
    (leaf.getExtension(x509.SubjectAlternativeNameExtension)?.names.items ?? []).map(({ type, value }) =>
      type === 'dns' ? `dns:${value.toLowerCase()}` : `${type}:${value}`,
    ),
  )
  const shown = (name: string): string => name.slice(name.indexOf(':') + 1)
  return [
    ...[...asked].filter((name) => !found.has(name)).map((name) => `it does not carry the name ${shown(name)}`),
    ...[...found].filter((name) => !asked.has(name)).map((name) => `it carries the name ${shown(name)}, which was not asked for`),
  ]
}

function usageFaults(leaf: x509.X509Certificate): string[] {
  const faults: string[] = []
  const usage = leaf.getExtension(x509.KeyUsagesExtension)?.usages
  if (usage === undefined) faults.push('it does not say what its key is for (key usage)')
  else {
    if (!(usage & x509.KeyUsageFlags.digitalSignature)) faults.push('its key usage lacks digital signature')
    if (usage & (x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign)) faults.push('its key may sign certificates or revocation lists')
  }
  const purposes = (leaf.getExtension(x509.ExtendedKeyUsageExtension)?.usages ?? []).map(String)
  for (const oid of [SERVER, CLIENT]) if (!purposes.includes(oid)) faults.push(`it is not for ${USES[oid]}`)
  for (const oid of purposes)
    if (oid !== SERVER && oid !== CLIENT) faults.push(`it is also for ${USES[oid] ?? oid}, which was not asked for`)
  return faults
}

/** Whether a certificate is in its time now. */
export function validityFaults(one: X509Certificate, now: Date): string[] {
  if (now >= one.validFromDate && now <= one.validToDate) return []
  const span = `${one.validFromDate.toISOString()} to ${one.validToDate.toISOString()}`
  return [`${oneLine(one.subject)} is valid ${span}, now is ${now.toISOString()}`]
}
