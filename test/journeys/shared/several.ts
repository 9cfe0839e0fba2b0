import { appendFile, cp, mkdir, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { stringify } from 'yaml'
import { DOMAIN } from '../../../src/demo/organisation.ts'
import type { Places } from '../../../src/demo/places.ts'
import { succeed } from '../../../src/demo/sallyport.ts'
import { newAuthority, type AuthorityFiles } from '../../../src/enclave/pki/authority.ts'
import { fingerprint } from '../../../src/enclave/remote/host-key.ts'
import type { Lab } from '../../../src/lab/lab.ts'

const REPOSITORY = new URL('../../../', import.meta.url).pathname

/** What the first hosts of a small site are for: enough to see an engine work on several. */
const ROLES: Readonly<Record<string, string>> = { h1: 'depot', h2: 'postgresql' }

export interface SmallRelease {
  readonly version: string
  readonly sequence: number
  /** Ansible tasks that the release's role host_base ends with, in YAML. */
  readonly tasks?: string
}

/** Builds and signs a release of packages, PostgreSQL and Ansible, and nothing else. Answers its folder. */
export async function buildSmall(places: Places, { version, sequence, tasks }: SmallRelease): Promise<string> {
  const definition = join(places.folder, `definition-${version}`)
  const bundle = places.bundle(version)
  for (const path of [definition, bundle]) await rm(path, { recursive: true, force: true })
  await mkdir(definition, { recursive: true })
  const ansible = join(definition, 'ansible')
  await copyAnsible(ansible, tasks)
  const text = stringify({
    apiVersion: 'sallyport/v1',
    kind: 'release',
    name: 'mesh',
    version,
    sequence,
    marking: { level: 'UNCLASSIFIED' },
    targets: [{ os: 'debian', release: '13', architecture: 'amd64' }],
    upgradesFrom: sequence > 100 ? [{ name: 'mesh', minSequence: 100, maxSequence: sequence - 1 }] : [],
    mirrors: [
      {
        name: 'debian',
        ecosystem: 'apt',
        suites: ['trixie', 'trixie-updates', 'trixie-security'],
        packages: ['aardvark-dns', 'ansible-core', 'ansible-mitogen', 'ca-certificates', 'catatonit', 'crun', 'netavark', 'nftables', 'nginx', 'openssl', 'passt', 'podman', 'python3-apt'],
      },
      { name: 'files', ecosystem: 'file', files: [{ from: 'note.txt', path: 'note.txt' }] },
    ],
    images: [{ name: 'postgresql', recipe: relative(definition, join(REPOSITORY, 'bundles/mesh/images/postgresql.yaml')) }],
    iac: [{ name: 'ansible', kind: 'ansible', from: 'ansible' }],
  })
  await writeFile(join(definition, 'note.txt'), `release ${version}\n`)
  await writeFile(join(definition, 'bundle.yaml'), text)
  await succeed(['build', definition, '-o', bundle])
  await succeed(['sign', bundle, '--key', places.publisher, '--passphrase-file', places.passphrase])
  return bundle
}

/** The folder of a site with the first two hosts of a lab, or its one host as a depot, and the PKI of its organisation. */
export async function smallSite(places: Places, lab: Lab, passphrase: string, policyDigest: string): Promise<AuthorityFiles> {
  const authority = await newAuthority(places.pki, { organisation: 'Several Hosts', passphrase, now: new Date() })
  await succeed([
    ...['site', 'init', places.site, '--name', 'several', '--domain', DOMAIN],
    ...lab.hosts.filter((host) => host.name in ROLES).flatMap((host) => ['--host', `${host.name}=${host.address}`, '--host-key', `${host.name}=${fingerprint(host.hostKeys[0] ?? '')}`]),
    ...Object.entries(ROLES).flatMap(([host, roles]) => (lab.hosts.some(({ name }) => name === host) ? ['--roles', `${host}=${roles}`] : [])),
    ...['--policy', places.policy, '--policy-digest', policyDigest, '--ca', authority.root],
    ...['--issuing', authority.issuing, '--issuing-key', authority.issuingKey, '--identity', lab.identity],
  ])
  return authority
}

/** The repository's Ansible, with a database of the journey's and more tasks for every host where a release shall differ. */
async function copyAnsible(target: string, tasks = ''): Promise<void> {
  await cp(join(REPOSITORY, 'ansible'), target, { recursive: true })
  // A database of its own to back up and restore: callers of PostgreSQL have theirs, and none of them runs here.
  const databases = { 'postgresql-exporter': { role: 'journey', database: 'journey' } }
  await writeFile(join(target, 'group_vars/all/databases.json'), JSON.stringify({ postgresql_databases: databases }))
  if (tasks !== '') await appendFile(join(target, 'roles/host_base/tasks/main.yml'), `\n${tasks}`)
}
