import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { stringify } from 'yaml'
import { newAuthority, newPerson, openIssuer, type AuthorityFiles } from '../enclave/pki/authority.ts'
import { PEOPLE, type PersonId } from './people.ts'
import type { Places } from './places.ts'
import { succeed } from './sallyport.ts'

export const DOMAIN = 'enclave.example'
const ORGANISATION = 'Sallyport Demo'
const PERSON_DAYS = 90
/** A coalition partner with an authority of its own, whose people journeys let in. */
export const PARTNER = { name: 'ally', nation: 'GBR', organisation: 'Allied Forces' } as const

/** A passphrase nobody knows, in a file only root can read. */
export async function makePassphrase({ folder, passphrase }: Places): Promise<string> {
  await mkdir(folder, { recursive: true })
  const text = randomBytes(24).toString('base64url')
  await writeFile(passphrase, `${text}\n`, { mode: 0o600 })
  return text
}

export interface Trust {
  readonly policyDigest: string
  readonly publisherKeyId: string
}

/** Keys of a root and a publisher, and the trust policy of the site: two persons, as a real site would have. */
export async function makeTrust(places: Places): Promise<Trust> {
  const secret = ['--passphrase-file', places.passphrase]
  await mkdir(places.keys, { recursive: true, mode: 0o700 })
  await succeed(['keys', 'new', '--person', 'Security Officer', '--role', 'root', '-o', places.root, ...secret])
  const key = await succeed(['keys', 'new', '--person', 'Platform Publisher', '--role', 'publisher', '-o', places.publisher, ...secret])
  const policy = await succeed([
    ...['policy', 'new', '-o', places.policy, '--site', 'demo', '--root', places.root],
    ...['--publisher', `${places.publisher}.public`, '--names', 'hello,mesh', '--ceiling', 'TOP SECRET', '--categories', 'AZURE', ...secret],
  ])
  return {
    policyDigest: (policy.result as { sha512: string }).sha512,
    publisherKeyId: (key.result as { keyId: string }).keyId,
  }
}

/** The organisation's PKI, and a key, a certificate and a profile for each person. `address` is where the mesh answers. */
export async function makePeople(places: Places, passphrase: string, address: string): Promise<AuthorityFiles> {
  const now = new Date()
  const authority = await newAuthority(places.pki, {
    ...{ organisation: ORGANISATION, passphrase, now },
    partners: { [PARTNER.name]: { organisation: PARTNER.organisation, domain: DOMAIN } },
  })
  const issuer = await openIssuer(authority, passphrase, now)
  await mkdir(places.people, { recursive: true, mode: 0o700 })
  for (const { id } of PEOPLE) {
    const { key, certificate } = await newPerson(issuer, { id, organisation: ORGANISATION, days: PERSON_DAYS, now })
    await writeFile(join(places.people, `${id}.key.pem`), key, { mode: 0o600 })
    await writeFile(join(places.people, `${id}.pem`), certificate)
    const profile = {
      apiVersion: 'sallyport/v1',
      kind: 'profile',
      controlPlane: `https://control-plane.${DOMAIN}`,
      identity: `https://keycloak.${DOMAIN}:8444`,
      ca: relative(places.people, authority.root),
      certificate: `${id}.pem`,
      key: `${id}.key.pem`,
      addresses: { [`control-plane.${DOMAIN}`]: address, [`keycloak.${DOMAIN}`]: address },
    }
    await writeFile(profileOf(places, id), stringify(profile))
  }
  await writeFile(join(places.people, 'people.yaml'), stringify(PEOPLE))
  return authority
}

export function profileOf(places: Places, id: PersonId): string {
  return join(places.people, `${id}.profile.yaml`)
}
