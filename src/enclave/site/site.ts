import type { Profile } from './profile.ts'

/** What one host is for. The depot's engine runs on the host with the role `depot`. */
export const ROLES = [
  'depot',
  'postgresql',
  'object-store',
  'keycloak',
  'schema-registry',
  'control-plane',
  'prometheus',
  'alertmanager',
  'node-exporter',
  'proxy',
  'trino',
  'trino-worker',
  'registry',
] as const
export type Role = (typeof ROLES)[number]

/** Roles that several hosts may have: replicated stores, and what stands on every host. */
export const SEVERAL: ReadonlySet<Role> = new Set(['postgresql', 'object-store', 'schema-registry', 'control-plane', 'trino-worker', 'proxy', 'node-exporter'])

export interface SiteHost {
  readonly name: string
  readonly address: string
  readonly port: number
  /** Public key lines `ssh-ed25519 AAAA…`: no other key is accepted. */
  readonly hostKeys: readonly string[]
  readonly roles: readonly Role[]
}

/** A person of the organisation as the identity provider will know them; the certificate's CN is `id`. */
export interface Person {
  readonly id: string
  readonly name: string
  readonly clearance: string
  readonly caveats: readonly string[]
  /** ISO 3166 alpha-3. */
  readonly nationality: string
  readonly organisation: string
  /** The data domain the person may publish for. */
  readonly domain?: string
  /** Runs the site: may open what operators look at (metrics, alerts, registry). */
  readonly operator?: boolean
  /** Name of the coalition partner whose certificates the person has; the organisation's own when absent. */
  readonly partner?: string
  /** Whole subject of a partner's certificate (RFC 2253); `CN=<id>,O=<organisation>` when absent. */
  readonly subject?: string
  /** How the person logs in: by certificate (the default), or by password and one-time code. */
  readonly login?: 'certificate' | 'otp'
}

/** An organisation of another nation whose certificates are taken for its own people. */
export interface Partner {
  readonly name: string
  /** ISO 3166 alpha-3. */
  readonly nation: string
  /** Its CA certificate(s), PEM, relative to the folder of the site. */
  readonly certificate: string
}

export interface PkiSite {
  readonly mode: 'delegated-ca' | 'waiting-for-certificates'
  /** Root certificate(s) of the organisation, PEM, relative to the folder of the site. */
  readonly roots: string
  /** The issuing CA certificate, and for `delegated-ca` its encrypted key. */
  readonly issuing?: { readonly certificate: string; readonly key: string }
  /** Days a host certificate lives. */
  readonly days: number
  /** What names a service: its DNS name alone (default), or a SPIFFE URI as well. */
  readonly identity?: 'dns' | 'spiffe'
  /** What happens `days` after a CRL should have been replaced: callers are refused, or taken as they were. */
  readonly crl?: { readonly stale: 'refuse' | 'continue'; readonly days: number }
  readonly partners?: readonly Partner[]
}

/** Where people come from, and who says what they may know. */
export interface IdentitySite {
  /** Who vouches for clearances: shown to whoever asks where a claim comes from. */
  readonly authority?: string
  readonly ldap?: {
    readonly url: string
    readonly baseDn: string
    readonly bindDn: string
    /** CA certificate(s) of the directory, PEM, relative to the folder of the site. */
    readonly ca: string
    readonly usernameAttribute: string
    readonly attributes: {
      readonly clearance?: string
      readonly caveats?: string
      readonly nationality?: string
      readonly organisation?: string
    }
  }
  readonly breakGlass?: {
    /** Ids of the people who hold an emergency account. */
    readonly holders: readonly string[]
    /** Certificates, PEM, relative to the folder of the site, whose keys open what is sealed for an emergency. */
    readonly certificates?: readonly string[]
  }
}

/** Where alerts go inside the enclave. */
export interface AlertsSite {
  readonly mail?: { readonly relay: string; readonly from: string; readonly to: readonly string[] }
  readonly webhook?: { readonly url: string }
}

/** `site.yaml`, read and checked. */
export interface Site {
  readonly apiVersion: 'sallyport/v1'
  readonly kind: 'site'
  /** Opaque, the same for the life of the enclave: audit events carry it. */
  readonly id: string
  readonly name: string
  /** DNS domain of the enclave: services are `<service>.<domain>`. */
  readonly domain: string
  /** The highest level the site is accredited for. */
  readonly ceiling: string
  readonly labels: {
    readonly policy: string
    readonly version: string
    /** Lowest first. */
    readonly levels: readonly string[]
  }
  /** The trust policy, relative to the folder of the site, and the digest (sha512) on the card it was accepted by. */
  readonly trust: { readonly policy: string; readonly sha512: string }
  readonly operator: { readonly user: string; readonly identity?: string }
  /** The profile that `site init` was given; what counts are the roles of the hosts. */
  readonly profile?: Profile
  readonly objectStore?: 'ceph' | 'minio'
  readonly hosts: readonly SiteHost[]
  readonly pki: PkiSite
  readonly backup: { readonly directory: string; readonly keep: number }
  /** How many days past Debian's own `Valid-Until` an index is still taken: bounded, and shown in every plan. */
  readonly validUntil: { readonly stretchDays: number; readonly reason: string }
  readonly audit: { readonly retentionDays: number }
  readonly identity?: IdentitySite
  readonly alerts?: AlertsSite
  readonly people: readonly Person[]
}

/** Largest stretch of Debian's Valid-Until that a site may declare. */
export const MAX_STRETCH_DAYS = 400

/** A site that was read from its folder. */
export interface SiteFolder {
  readonly folder: string
  readonly site: Site
}

/** The host that holds the store and runs the engine. The reader guarantees exactly one. */
export function depotOf(site: Site): SiteHost {
  return site.hosts.find((host) => host.roles.includes('depot')) as SiteHost
}
