import { randomUUID, X509Certificate } from 'node:crypto'
import { mkdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { acceptPolicy } from '../../bundle/policy-file.ts'
import { fault } from '../codes.ts'
import { writeDurably } from '../journal/durable.ts'
import { readHostKey } from '../remote/host-key.ts'
import { judgeCeiling } from './ceiling.ts'
import { parseSite } from './read.ts'
import { placeRoles, type Profile } from './profile.ts'
import { filesOf, publicFiles, readSettings } from './settings.ts'
import type { Person, Role, Site } from './site.ts'

const HOST_KEY_TIMEOUT_MS = 10_000

export interface NewHost {
  readonly name: string
  readonly address: string
  readonly port: number
  /** `SHA256:…` as the host's administrator reads it on its console. */
  readonly fingerprint: string | undefined
  /** Left out when a profile places them. */
  readonly roles?: readonly Role[]
}

export interface NewSite {
  readonly name: string
  readonly domain: string
  readonly hosts: readonly NewHost[]
  /** Places roles on the hosts in their order; without it each host says its own. */
  readonly profile?: Profile
  /** File of the trust policy, and its digest from the card. */
  readonly policy: string
  readonly policyDigest: string
  /** File of the root certificate(s). */
  readonly roots: string
  /** A delegated issuing CA; without one, requests are answered by the organisation's PKI. */
  readonly issuing?: { readonly certificate: string; readonly key: string }
  /** Level; that of the trust policy when absent. */
  readonly ceiling?: string
  /** YAML file with a list of persons. */
  readonly people?: string
  readonly identity?: string
  /** YAML file with objectStore, pki, identity and alerts as in site.yaml. */
  readonly settings?: string
  readonly backupDirectory: string
  readonly stretchDays: number
  readonly stretchReason: string
  readonly auditDays: number
  readonly certificateDays: number
}

const HEADER = `# A site of Sallyport. Every value is checked when it is read, each fault named with its line and column.
# hostKeys: no other SSH key is accepted from a host. validUntil: how many days after its date an index of Debian is
# still taken; bounded, and shown in every plan.
`

/** Writes the folder of a site. Throws before anything is written when a key is not confirmed or a value is not valid. */
export async function initSite(folder: string, request: NewSite): Promise<Site> {
  if (await stat(join(folder, 'site.yaml')).catch(() => undefined))
    throw fault('E_SITE_EXISTS', `${folder} holds a site already`, { found: join(folder, 'site.yaml') })
  const policyBytes = await readFile(request.policy)
  const policy = acceptPolicy(policyBytes, { digest: request.policyDigest })
  const { ceiling } = policy.payload
  const placed = request.profile === undefined ? undefined : placeRoles(request.profile, request.hosts.length)
  const settings = request.settings === undefined ? {} : await readSettings(request.settings)
  const hosts = []
  for (const [at, { fingerprint, ...host }] of request.hosts.entries())
    hosts.push({ ...host, hostKeys: [await readHostKey(host, fingerprint, HOST_KEY_TIMEOUT_MS)], roles: placed?.roles[at] ?? host.roles ?? [] })
  const site: Site = {
    apiVersion: 'sallyport/v1',
    kind: 'site',
    id: randomUUID(),
    name: request.name,
    domain: request.domain,
    ceiling: request.ceiling ?? ceiling.level,
    labels: { policy: ceiling.policy, version: ceiling.policyVersion, levels: ceiling.levels },
    trust: { policy: 'trust-policy.json', sha512: policy.digest },
    operator: { user: 'root', ...(request.identity === undefined ? {} : { identity: request.identity }) },
    ...(placed && request.profile ? { profile: request.profile, objectStore: placed.objectStore } : {}),
    ...(settings.objectStore ? { objectStore: settings.objectStore } : {}),
    hosts: hosts.map(({ name, address, port, hostKeys, roles }) => ({ name, address, port, hostKeys, roles })),
    pki: {
      mode: request.issuing ? 'delegated-ca' : 'waiting-for-certificates',
      roots: 'pki/root.pem',
      ...(request.issuing ? { issuing: { certificate: 'pki/issuing.pem', key: 'pki/issuing-key.pem' } } : {}),
      days: request.certificateDays,
      ...settings.pki,
    },
    backup: { directory: request.backupDirectory, keep: 3 },
    validUntil: { stretchDays: request.stretchDays, reason: request.stretchReason },
    audit: { retentionDays: request.auditDays },
    ...(settings.identity ? { identity: settings.identity } : {}),
    ...(settings.alerts ? { alerts: settings.alerts } : {}),
    people: request.people === undefined ? [] : (parse(await readFile(request.people, 'utf8')) as Person[]),
  }
  const text = HEADER + stringify(site, { lineWidth: 0, aliasDuplicateObjects: false })
  const checked = parseSite(text, join(folder, 'site.yaml'))
  judgeCeiling(checked, ceiling)
  const roots = await readFile(request.roots, 'utf8')
  assertAuthority(roots, request.roots)
  const named = request.settings === undefined ? new Map<string, Buffer>() : await filesOf(request.settings, publicFiles(checked))
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await writeDurably(join(folder, 'trust-policy.json'), policyBytes)
  await writeDurably(join(folder, 'pki/root.pem'), roots)
  if (request.issuing) {
    await writeDurably(join(folder, 'pki/issuing.pem'), await readFile(request.issuing.certificate))
    await writeDurably(join(folder, 'pki/issuing-key.pem'), await encryptedKey(request.issuing.key), 0o600)
  }
  for (const [name, bytes] of named) await writeDurably(join(folder, name), bytes)
  await writeDurably(join(folder, 'site.yaml'), text)
  return checked
}

function assertAuthority(pem: string, path: string): void {
  const roots = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  const found = roots.filter((one) => !new X509Certificate(one).ca).length
  if (roots.length === 0 || found > 0)
    throw fault('E_CERTIFICATE', `${path} is not a root certificate`, { expected: 'CA certificates in PEM', found: `${roots.length} certificate(s), ${found} of them no CA` })
}

/** A CA key on a station is encrypted, or it does not get there. */
async function encryptedKey(path: string): Promise<string> {
  const pem = await readFile(path, 'utf8')
  if (pem.includes('-----BEGIN ENCRYPTED PRIVATE KEY-----')) return pem
  throw fault('E_ISSUING_CA', `${path} is not an encrypted key`, {
    expected: 'PKCS#8, encrypted with a passphrase',
    found: pem.split('\n')[0] ?? 'nothing',
    next: `openssl pkcs8 -topk8 -v2 aes-256-cbc -iter 200000 -in ${path} -out issuing-key.pem`,
  })
}
