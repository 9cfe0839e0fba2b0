import { DEPOT_PORT } from '../paths.ts'
import { partnerDirectories } from '../pki/partner.ts'
import type { Statement } from '../../bundle/statement.ts'
import type { Release } from '../depot/state.ts'
import { namesOn } from '../site/services.ts'
import { depotOf, ROLES, type Site } from '../site/site.ts'

/** Without a word in site.yaml, a CRL that was not replaced in time refuses its callers at once. */
const CRL = { stale: 'refuse', days: 0 }

export interface Convergence {
  readonly site: Site
  readonly release: Release
  readonly statement: Pick<Statement, 'images'>
  readonly backupId: string
  /** Public files that site.yaml names, by that name: roles get their text. */
  readonly files: ReadonlyMap<string, string>
}

/** The variables that every role gets: no secret is among them, so that the file can be read and reviewed. */
export function variablesFor({ site, release, statement, backupId, files }: Convergence): Record<string, unknown> {
  const registry = `depot.${site.domain}:${DEPOT_PORT}`
  return {
    sallyport_site: { id: site.id, name: site.name, domain: site.domain, ceiling: site.ceiling },
    sallyport_release: {
      name: release.name,
      version: release.version,
      sequence: release.sequence,
      digest: release.digest,
    },
    sallyport_images: Object.fromEntries(
      statement.images.map((image) => [image.name, `${registry}/${image.name}@sha256:${image.manifest.sha256}`]),
    ),
    sallyport_hosts: site.hosts.map(({ name, address, roles }) => ({ name, address, roles })),
    sallyport_object_store: site.objectStore ?? 'ceph',
    sallyport_pki: {
      identity: site.pki.identity ?? 'dns',
      crl: site.pki.crl ?? CRL,
      partners: (site.pki.partners ?? []).map((partner) => {
        const certificate = files.get(partner.certificate) ?? ''
        return { ...partner, certificate, directories: partnerDirectories(certificate) }
      }),
    },
    sallyport_identity: identityOf(site, files),
    sallyport_alerts: site.alerts ?? {},
    sallyport_pki_dir: '/etc/sallyport/pki',
    sallyport_data_dir: '/srv/sallyport',
    sallyport_backup_dir: site.backup.directory,
    sallyport_backup_id: backupId,
    ...retention(site.audit.retentionDays),
    sallyport_labels: site.labels,
    sallyport_people: site.people.map(({ id, clearance, caveats, nationality, organisation, domain, operator, partner, subject, login }) => ({
      username: id,
      clearance,
      caveats,
      nationality,
      organisation,
      ...(domain === undefined ? {} : { domain }),
      ...(operator === undefined ? {} : { operator }),
      ...(partner === undefined ? {} : { partner }),
      ...(subject === undefined ? {} : { subject }),
      ...(login === undefined ? {} : { login }),
    })),
  }
}

/** What site.yaml says, with the text of each file in place of its name. */
function identityOf({ identity = {} }: Site, files: Convergence['files']): object {
  const { ldap, breakGlass } = identity
  const text = (name: string): string => files.get(name) ?? ''
  return {
    ...identity,
    ...(ldap ? { ldap: { ...ldap, ca: text(ldap.ca) } } : {}),
    ...(breakGlass ? { breakGlass: { ...breakGlass, certificates: (breakGlass.certificates ?? []).map(text) } } : {}),
  }
}

/** Whole days, or minutes for a trial that lives for hours. */
function retention(days: number): Record<string, number> {
  if (Number.isInteger(days)) return { sallyport_audit_retention_days: days }
  return { sallyport_audit_retention_minutes: Math.max(1, Math.round(days * 24 * 60)) }
}

/** Ansible inventory, as YAML's subset JSON: a group a role, names as Ansible takes them. The depot converges itself. */
export function inventoryFor(site: Site): Record<string, unknown> {
  const depot = depotOf(site).name
  const groups = new Map<string, Record<string, object>>(ROLES.map((role) => [role.replaceAll('-', '_'), {}]))
  for (const host of site.hosts)
    for (const role of host.roles) {
      const group = role.replaceAll('-', '_')
      groups.set(group, { ...groups.get(group), [host.name]: {} })
    }
  return {
    all: {
      hosts: Object.fromEntries(
        site.hosts.map((host) => [
          host.name,
          {
            sallyport_address: host.address,
            sallyport_host: host.name,
            sallyport_host_roles: host.roles,
            sallyport_names: namesOn(site, host),
            ...(host.name === depot ? { ansible_connection: 'local' } : { ansible_host: host.address, ansible_port: host.port }),
          },
        ]),
      ),
      children: Object.fromEntries([...groups].map(([group, hosts]) => [group, { hosts }])),
    },
  }
}
