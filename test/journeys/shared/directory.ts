import { execFileSync, type ChildProcess } from 'node:child_process'
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Lab } from '../../../src/lab/lab.ts'
import { baseRootfs, copyTree, removeTree } from '../../../src/lab/rootfs.ts'
import { ended, neighbour, until } from './neighbour.ts'

/** One person of the directory; a level may stand there twice. */
export interface Entry {
  readonly uid: string
  readonly clearance: readonly string[]
  readonly caveats?: readonly string[]
  readonly nationality?: string
  readonly organisation?: string
}

export interface Directory {
  readonly address: string
  remove(uid: string): void
  stop(): Promise<void>
}

export interface DirectoryRequest {
  readonly lab: Lab
  /** Emptied; holds the directory's files. */
  readonly folder: string
  /** PEM of the directory's own authority, its key (PKCS#8) and leaf. */
  readonly ca: string
  readonly key: string
  readonly certificate: string
  /** DNS name in the leaf. */
  readonly name: string
  /** Of `BIND_DN`. */
  readonly password: string
  readonly people: readonly Entry[]
}

const SUFFIX = 'dc=directory,dc=example'
export const BASE_DN = `ou=people,${SUFFIX}`
export const BIND_DN = `cn=mesh,${SUFFIX}`
/** Where OpenLDAP's own classes have room for what a token says. */
export const ATTRIBUTES = { clearance: 'employeeType', caveats: 'departmentNumber', nationality: 'st', organisation: 'o' } as const
/** What a person of the directory types as password. */
export const passwordOf = (uid: string): string => `known to ${uid} alone`

const ADMIN_PASSWORD = 'of the directory’s own people'
/**
 * Debian's slapd at an address of its own on the lab's bridge, LDAPS alone: nobody reads it without a password, and the
 * mesh's account reads no passwords.
 */
export async function startDirectory(request: DirectoryRequest): Promise<Directory> {
  const { lab, folder, name } = request
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const root = join(folder, 'root')
  const { address, network, contained, leave } = await neighbour(lab, folder, 13)
  const servers: ChildProcess[] = []
  const stop = async (): Promise<void> => {
    await ended(servers)
    leave()
    await removeTree(root)
  }
  const inside = (words: readonly string[]): Buffer =>
    execFileSync('nsenter', [`--net=${network}`, 'chroot', root, 'env', 'LDAPTLS_CACERT=/etc/directory/ca.pem', ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  const asAdmin = ['-x', '-H', `ldaps://${name}`, '-D', `cn=admin,${SUFFIX}`, '-w', ADMIN_PASSWORD]
  try {
    await files(root, request, address)
    inside(['slapadd', '-f', '/etc/directory/slapd.conf', '-l', '/etc/directory/people.ldif'])
    servers.push(contained(root, ['slapd', '-f', '/etc/directory/slapd.conf', '-h', 'ldaps:///', '-d', '0']))
    await until(() => inside(['ldapwhoami', ...asAdmin]).length > 0, 'the directory to answer')
    return { address, remove: (uid) => void inside(['ldapdelete', ...asAdmin, `uid=${uid},${BASE_DN}`]), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function files(root: string, { ca, key, certificate, name, password, people }: DirectoryRequest, address: string): Promise<void> {
  await copyTree(await baseRootfs({ with: ['slapd', 'ldap-utils'] }), root)
  const at = (file: string): string => join(root, 'etc/directory', file)
  await mkdir(join(root, 'var/lib/directory'), { recursive: true })
  await mkdir(at(''), { recursive: true })
  await writeFile(join(root, 'etc/hosts'), `${address} ${name}\n`)
  for (const [file, content] of [['ca.pem', ca], ['key.pem', key], ['cert.pem', certificate], ['slapd.conf', CONFIGURATION], ['people.ldif', ldif(password, people)]] as const)
    await writeFile(at(file), content)
  await chmod(at('key.pem'), 0o600)
}

const CONFIGURATION = `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile /etc/directory/cert.pem
TLSCertificateKeyFile /etc/directory/key.pem
disallow bind_anon
database mdb
directory /var/lib/directory
suffix "${SUFFIX}"
rootdn "cn=admin,${SUFFIX}"
rootpw "${ADMIN_PASSWORD}"
index objectClass,uid eq
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="${BIND_DN}" read by * none
`

function ldif(password: string, people: readonly Entry[]): string {
  const entry = (dn: string, classes: readonly string[], values: readonly (readonly [string, string])[]): string =>
    [`dn: ${dn}`, ...classes.map((one) => `objectClass: ${one}`), ...values.map(([name, value]) => `${name}: ${value}`), ''].join('\n')
  return [
    entry(SUFFIX, ['dcObject', 'organization'], [['dc', 'directory'], ['o', 'Directory']]),
    entry(BASE_DN, ['organizationalUnit'], [['ou', 'people']]),
    entry(BIND_DN, ['organizationalRole', 'simpleSecurityObject'], [['cn', 'mesh'], ['userPassword', password]]),
    ...people.map(({ uid, clearance, caveats = [], nationality, organisation }) =>
      entry(`uid=${uid},${BASE_DN}`, ['inetOrgPerson'], [
        ...[['uid', uid], ['cn', uid], ['sn', uid], ['userPassword', passwordOf(uid)]] as const,
        ...clearance.map((level) => [ATTRIBUTES.clearance, level] as const),
        ...caveats.map((caveat) => [ATTRIBUTES.caveats, caveat] as const),
        ...(nationality === undefined ? [] : [[ATTRIBUTES.nationality, nationality] as const]),
        ...(organisation === undefined ? [] : [[ATTRIBUTES.organisation, organisation] as const]),
      ]),
    ),
  ].join('\n')
}
