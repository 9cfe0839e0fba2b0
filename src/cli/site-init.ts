import { resolve } from 'node:path'
import { initSite, type NewHost } from '../enclave/site/init.ts'
import { describeProfiles, PROFILES, type Profile } from '../enclave/site/profile.ts'
import { ROLES, type Role } from '../enclave/site/site.ts'
import { fault } from './codes.ts'
import type { Command, Values } from './command.ts'
import { hostOf } from './site-options.ts'

const DEFAULT_PROFILE: Profile = 'standard'

export const command: Command = {
  name: ['site', 'init'],
  summary: 'write the folder of a site: hosts with confirmed SSH keys, trust policy, PKI, ceiling',
  positionals: ['DIR'],
  options: {
    name: { type: 'string', value: 'NAME', required: true, summary: 'name of the site' },
    domain: { type: 'string', value: 'DOMAIN', required: true, summary: 'DNS domain: services are SERVICE.DOMAIN' },
    host: { type: 'string', value: 'NAME=ADDRESS[,PORT]', multiple: true, required: true, summary: 'a host' },
    'host-key': { type: 'string', value: 'NAME=SHA256:…', multiple: true, summary: 'fingerprint that its administrator reads on the console' },
    profile: { type: 'string', value: 'PROFILE', summary: `which roles on which hosts, in their order: ${describeProfiles()}; default ${DEFAULT_PROFILE}` },
    roles: { type: 'string', value: 'NAME=ROLE,…', multiple: true, summary: `instead of a profile, what a host is for: ${ROLES.join(', ')}` },
    settings: { type: 'string', value: 'FILE', summary: 'YAML with objectStore, pki (identity, crl, partners), identity and alerts as in site.yaml' },
    policy: { type: 'string', value: 'FILE', required: true, summary: 'trust policy of the site' },
    'policy-digest': { type: 'string', value: 'HEX', required: true, summary: 'its sha512 on the card' },
    ca: { type: 'string', value: 'FILE', required: true, summary: 'root certificate(s) of the organisation, PEM' },
    issuing: { type: 'string', value: 'FILE', summary: 'certificate of an issuing CA delegated to this station; without it, requests go out as a text file' },
    'issuing-key': { type: 'string', value: 'FILE', summary: 'its key, encrypted PKCS#8' },
    ceiling: { type: 'string', value: 'LEVEL', summary: 'highest level the site takes (default: that of the trust policy)' },
    people: { type: 'string', value: 'FILE', summary: 'YAML list of the people of the organisation' },
    identity: { type: 'string', value: 'FILE', summary: 'SSH key of the operator (default: the agent)' },
    backup: { type: 'string', value: 'FOLDER', summary: 'folder of backups on the host (default /var/backups/sallyport)' },
    'stretch-days': { type: 'string', value: 'N', summary: 'days after its date that an index of Debian is taken (default 180, at most 400)' },
    'audit-days': { type: 'string', value: 'N', summary: 'days that audit records are locked (default 90; a fraction for a trial)' },
  },
  example:
    'sallyport site init site --name demo --domain demo.example --host h1=192.0.2.10 --host-key h1=SHA256:… --policy trust-policy.json --policy-digest HEX --ca root.pem --issuing issuing.pem --issuing-key issuing-key.pem',
  async run(context, values, [directory = '']) {
    const at = (path: string): string => resolve(context.cwd, path)
    const folder = at(directory)
    const [issuing, key, people, identity, ceiling, settings] = ['issuing', 'issuing-key', 'people', 'identity', 'ceiling', 'settings'].map((name) => values.text(name))
    if ((issuing === undefined) !== (key === undefined)) throw fault('E_USAGE', '--issuing and --issuing-key go together')
    const site = await initSite(folder, {
      name: values.need('name'),
      domain: values.need('domain'),
      hosts: hostsOf(values),
      ...(values.list('roles').length > 0 ? {} : { profile: profileOf(values) }),
      policy: at(values.need('policy')),
      policyDigest: values.need('policy-digest'),
      roots: at(values.need('ca')),
      ...(issuing !== undefined && key !== undefined ? { issuing: { certificate: at(issuing), key: at(key) } } : {}),
      ...(ceiling === undefined ? {} : { ceiling }),
      ...(people === undefined ? {} : { people: at(people) }),
      ...(identity === undefined ? {} : { identity: at(identity) }),
      ...(settings === undefined ? {} : { settings: at(settings) }),
      backupDirectory: values.text('backup') ?? '/var/backups/sallyport',
      stretchDays: Number(values.text('stretch-days') ?? 180),
      stretchReason: 'a mirror crosses the gap months after Debian signed it',
      auditDays: Number(values.text('audit-days') ?? 90),
      certificateDays: 365,
    })
    context.result({ folder, site }, () =>
      [
        `Site ${site.name} is in ${folder}`,
        ...(site.profile ? [`  profile ${site.profile}`] : []),
        ...site.hosts.map((host) => `  ${host.name}  ${host.address}  ${host.roles.join(', ')}`),
        `  ceiling ${site.ceiling}, certificates: ${site.pki.mode}`,
        `Next: sallyport plan BUNDLE --site ${directory}`,
      ].join('\n'),
    )
  },
}

function profileOf(values: Values): Profile {
  const name = values.text('profile') ?? DEFAULT_PROFILE
  if ((PROFILES as readonly string[]).includes(name)) return name as Profile
  throw fault('E_USAGE', `there is no profile ${name}`, { expected: describeProfiles(), found: name })
}

function hostsOf(values: Values): NewHost[] {
  const pairs = (name: string): Map<string, string> =>
    new Map(
      values.list(name).map((word) => {
        const at = word.indexOf('=')
        if (at < 1) throw fault('E_USAGE', `--${name} ${word} has no name`, { expected: `--${name} NAME=…` })
        return [word.slice(0, at), word.slice(at + 1)] as const
      }),
    )
  if (values.text('profile') !== undefined && values.list('roles').length > 0)
    throw fault('E_USAGE', '--profile and --roles say the same in two ways', { expected: 'one of them' })
  const hosts = pairs('host')
  const keys = pairs('host-key')
  const roles = pairs('roles')
  const strangers = [...keys.keys(), ...roles.keys()].filter((name) => !hosts.has(name))
  if (strangers.length > 0) throw fault('E_USAGE', `no --host is named ${strangers.join(', ')}`)
  return [...hosts].map(([name, value]) => {
    const host = hostOf(`${name}=${value}`)
    const fingerprint = keys.get(name)
    return {
      ...host,
      fingerprint,
      ...(roles.size > 0 ? { roles: (roles.get(name)?.split(',').filter((role) => role !== '') ?? []) as Role[] } : {}),
    }
  })
}
