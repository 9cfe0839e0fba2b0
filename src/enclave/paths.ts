import { join } from 'node:path'

/**
 * Where everything lies on a host. `root` is `/` there; tests give a scratch folder.
 *
 *   /opt/sallyport/bin/sallyport                     installer of the bundle last taken
 *   /var/lib/sallyport/store/blobs/sha256/<hex>      verified content
 *   /var/lib/sallyport/releases/<id>/                trees as hard links into the store
 *   /var/lib/sallyport/current -> releases/<id>      what is served
 *   /var/lib/sallyport/journal/<plan>/               plan.json, journal.jsonl, logs
 *   /var/lib/sallyport-host/                         forward-only: floor, policy, last manifest, custody
 */
export function hostPaths(root = '/') {
  const at = (...parts: string[]): string => join(root, ...parts)
  const depot = at('var/lib/sallyport')
  const memory = at('var/lib/sallyport-host')
  return {
    binary: at('opt/sallyport/bin'),
    installer: at('opt/sallyport/bin/sallyport'),
    depot,
    store: join(depot, 'store'),
    incoming: join(depot, 'incoming'),
    releases: join(depot, 'releases'),
    current: join(depot, 'current'),
    journal: join(depot, 'journal'),
    state: join(depot, 'state.json'),
    memory,
    floor: join(memory, 'floor.json'),
    custody: join(memory, 'custody.jsonl'),
    policy: join(memory, 'policy.json'),
    manifests: join(memory, 'manifests'),
    pki: at('etc/sallyport/pki'),
    data: at('srv/sallyport'),
    hosts: at('etc/hosts'),
    aptSources: at('etc/apt/sources.list.d'),
    aptConfig: at('etc/apt/apt.conf.d'),
    aptMain: at('etc/apt/sources.list'),
    nginx: at('etc/nginx'),
    units: at('etc/systemd/system'),
    quadlets: at('etc/containers/systemd'),
    run: at('run'),
    log: at('var/log/sallyport'),
    /** Key and certificate of the host as apt's own user reads them. */
    aptKeys: at('etc/sallyport/apt'),
    secrets: at('etc/sallyport/secrets'),
    /** What the role certificates hands out, and what is run when it changed. */
    tls: at('etc/sallyport/tls'),
    reloadHooks: at('etc/sallyport/tls/reload.d'),
    depotTrust: at('etc/sallyport/depot'),
    programs: at('usr/local/lib/sallyport'),
  } as const
}

export type HostPaths = ReturnType<typeof hostPaths>

/** `mesh-1.0.0-0a1b2c3d4e5f`: readable, and distinct for every content. */
export function releaseId(release: { name: string; version: string; digest: string }): string {
  return `${release.name}-${release.version}-${release.digest.slice(0, 12)}`
}

/** TLS port of the depot's mirrors. */
export const DEPOT_PORT = 8443
