/** What one host is for. The depot's engine runs on the host with the role `depot`. */
export const ROLES = ['depot', 'postgresql', 'object-store', 'keycloak', 'control-plane'] as const
export type Role = (typeof ROLES)[number]

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
}

export interface PkiSite {
  readonly mode: 'delegated-ca' | 'waiting-for-certificates'
  /** Root certificate(s) of the organisation, PEM, relative to the folder of the site. */
  readonly roots: string
  /** The issuing CA certificate, and for `delegated-ca` its encrypted key. */
  readonly issuing?: { readonly certificate: string; readonly key: string }
  /** Days a host certificate lives. */
  readonly days: number
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
  readonly hosts: readonly SiteHost[]
  readonly pki: PkiSite
  readonly backup: { readonly directory: string; readonly keep: number }
  /** How many days past Debian's own `Valid-Until` an index is still taken: bounded, and shown in every plan. */
  readonly validUntil: { readonly stretchDays: number; readonly reason: string }
  readonly audit: { readonly retentionDays: number }
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
