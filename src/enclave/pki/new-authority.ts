import { AsnConvert } from '@peculiar/asn1-schema'
import { GeneralName, GeneralSubtree, GeneralSubtrees, Name, NameConstraints } from '@peculiar/asn1-x509'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BACKDATE_MS, issueList } from './issue.ts'
import { DAY_MS, EC, publicKeyOf, serialNumber, signingKey, SIGNING, x509 } from './x509.ts'

const ROOT_DAYS = 3650
const ISSUING_DAYS = 1095
/** The root's list is never made again, since its key is gone; the other one shows what happens when none follows. */
const LIST_DAYS = { root: ROOT_DAYS, issuing: 30 } as const
const NAME_CONSTRAINTS = '2.5.29.30'

export interface AuthorityFiles {
  /** Root certificate, PEM. */
  readonly root: string
  readonly issuing: string
  /** Encrypted PKCS#8. */
  readonly issuingKey: string
  /** First revocation lists of root and issuing CA, PEM: nobody is revoked. */
  readonly lists: string
  readonly partners: Readonly<Record<string, PartnerFiles>>
}

/** A partner's own authority, as a lab needs it: it opens with `openIssuer`, and issues what the partner's people carry. */
export interface PartnerFiles {
  /** The authority's certificate as the partner's own people know it (self-signed), and its encrypted key. */
  readonly issuing: string
  readonly issuingKey: string
  /** Issued by the organisation's root to that authority, bound to `O=<organisation>`: what site.yaml names. */
  readonly cross: string
  readonly lists: string
}

export interface NewAuthority {
  readonly organisation: string
  readonly passphrase: string
  readonly now: Date
  /** By name; `domain` is the site's, whose services the partner may not name. */
  readonly partners?: Readonly<Record<string, { readonly organisation: string; readonly domain: string }>>
}

type Pair = ReturnType<typeof newPair>
const newPair = () => generateKeyPairSync('ec', { namedCurve: EC.namedCurve })

/**
 * Makes an organisation's PKI for a demo, a lab or a test: a root that signs one issuing CA, the cross-certificates of
 * partners and one revocation list, and is then forgotten (its key never reaches a disk), and the issuing CA with an encrypted
 * key. A real site brings its own.
 */
export async function newAuthority(folder: string, { organisation, passphrase, now, partners = {} }: NewAuthority): Promise<AuthorityFiles> {
  const root = { name: `CN=${organisation} Root CA,O=${organisation}`, keys: newPair() }
  const issuing = { name: `CN=${organisation} Issuing CA,O=${organisation}`, keys: newPair() }
  const files = { root: join(folder, 'root.pem'), issuing: join(folder, 'issuing.pem'), issuingKey: join(folder, 'issuing-key.pem'), lists: join(folder, 'crl.pem') }
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const rootPem = await certify(root, root, { days: ROOT_DAYS, depth: 1, now })
  const issuingPem = await certify(root, issuing, { days: ISSUING_DAYS, depth: 0, now })
  await writeFile(files.root, rootPem)
  await writeFile(files.issuing, issuingPem)
  await writeFile(files.issuingKey, sealed(issuing.keys.privateKey, passphrase), { mode: 0o600 })
  const none = { revoked: [], number: 1n, now }
  const rootList = await issueList({ certificate: rootPem, key: root.keys.privateKey }, { ...none, days: LIST_DAYS.root })
  await writeFile(files.lists, rootList + (await issueList({ certificate: issuingPem, key: issuing.keys.privateKey }, { ...none, days: LIST_DAYS.issuing })))
  const made: Record<string, PartnerFiles> = {}
  for (const [name, partner] of Object.entries(partners)) {
    const keys = newPair()
    // Most general part first: a constraint on directory names is a prefix (RFC 5280 4.2.1.10).
    const authority = { name: `O=${partner.organisation},CN=${partner.organisation} CA`, keys }
    const at = (file: string): string => join(folder, `partner-${name}-${file}.pem`)
    const own = { issuing: at('issuing'), issuingKey: at('issuing-key'), cross: at('cross'), lists: at('crl') }
    const ownPem = await certify(authority, authority, { days: ISSUING_DAYS, depth: 0, now })
    await writeFile(own.issuing, ownPem)
    await writeFile(own.issuingKey, sealed(keys.privateKey, passphrase), { mode: 0o600 })
    await writeFile(own.lists, await issueList({ certificate: ownPem, key: keys.privateKey }, { ...none, days: LIST_DAYS.issuing }))
    await writeFile(own.cross, await certify(root, authority, { days: ISSUING_DAYS, depth: 0, now, constraints: bound(partner) }))
    made[name] = own
  }
  return { ...files, partners: made }
}

async function certify(
  above: { name: string; keys: Pair },
  below: { name: string; keys: Pair },
  { days, depth, now, constraints }: { days: number; depth: number; now: Date; constraints?: x509.Extension },
): Promise<string> {
  const publicKey = await publicKeyOf(below.keys.publicKey)
  const made = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: below.name,
    issuer: above.name,
    notBefore: new Date(now.getTime() - BACKDATE_MS),
    notAfter: new Date(now.getTime() + days * DAY_MS),
    publicKey,
    signingKey: await signingKey(above.keys.privateKey),
    signingAlgorithm: SIGNING,
    extensions: [
      new x509.BasicConstraintsExtension(true, depth, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      ...(constraints ? [constraints] : []),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(await publicKeyOf(above.keys.publicKey)),
    ],
  })
  return `${made.toString('pem')}\n`
}

/** Permitted: directory names under `O=<organisation>`. Excluded: every DNS name, and URIs of the site's domain. */
function bound({ organisation, domain }: { organisation: string; domain: string }): x509.Extension {
  const directoryName = AsnConvert.parse(new x509.Name(`O=${organisation}`).toArrayBuffer(), Name)
  const subtree = (base: ConstructorParameters<typeof GeneralName>[0]) => new GeneralSubtree({ base: new GeneralName(base) })
  const constraints = new NameConstraints({
    permittedSubtrees: new GeneralSubtrees([subtree({ directoryName })]),
    excludedSubtrees: new GeneralSubtrees([subtree({ dNSName: '' }), subtree({ uniformResourceIdentifier: domain })]),
  })
  return new x509.Extension(NAME_CONSTRAINTS, true, AsnConvert.serialize(constraints))
}

function sealed(key: KeyObject, passphrase: string): string {
  return key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase }) as string
}
