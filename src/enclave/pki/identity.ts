/** One service of a host that needs a certificate, and how it is named. */
export interface Wanted {
  readonly service: string
  /** DNS names: exactly these, no more. */
  readonly names: readonly string[]
  /** `spiffe://<domain>/<service>`, where the site names services so as well. */
  readonly uri?: string
}

export interface Naming {
  readonly host: string
  readonly services: readonly string[]
  readonly domain: string
  readonly identity?: 'dns' | 'spiffe'
}

/** A service is `<service>.<domain>`, its instance on one host `<host>.<service>.<domain>`; the common name is the service. */
export function wantedFor({ host, services, domain, identity }: Naming): Wanted[] {
  return services.map((service) => ({
    service,
    names: [`${service}.${domain}`, `${host}.${service}.${domain}`],
    ...(identity === 'spiffe' ? { uri: `spiffe://${domain}/${service}` } : {}),
  }))
}
