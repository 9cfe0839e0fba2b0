import type { HostPaths } from '../paths.ts'
import { certificateFaults } from './check.ts'
import { handshakeFaults } from './handshake.ts'
import { pairInUse, pending, takeUse } from './key-pair.ts'
import type { Asking } from './request.ts'

/** An answer to a request: leaf first, then what leads to a root. PEM. */
export interface IssuedCertificate {
  readonly service: string
  readonly chain: string
}

export interface Accepted {
  readonly accepted: readonly string[]
  readonly faults: readonly string[]
}

/**
 * On the host: checks every certificate against the key made for it, its names, the roots and the revocation lists, proves it
 * in a handshake, and puts each good one in the place of the one in use. The others are named with every fault.
 */
export async function acceptCertificates(
  paths: HostPaths,
  asking: Omit<Asking, 'renew' | 'host'>,
  peers: { readonly ca: string; readonly lists: string },
  issued: readonly IssuedCertificate[],
): Promise<Accepted> {
  const accepted: string[] = []
  const faults: string[] = []
  for (const { service, chain } of issued) {
    const found = await faultsOf(paths, asking, peers, { service, chain })
    if (found.length > 0) faults.push(...found.map((text) => `${service}: ${text}`))
    else {
      await takeUse(paths, service, chain)
      accepted.push(service)
    }
  }
  return { accepted, faults }
}

async function faultsOf(
  paths: HostPaths,
  { wanted, roots, lists, now }: Omit<Asking, 'renew' | 'host'>,
  peers: { readonly ca: string; readonly lists: string },
  { service, chain }: IssuedCertificate,
): Promise<readonly string[]> {
  const one = wanted.find((each) => each.service === service)
  if (!one) return ['is no service of this host']
  const ask = await pending(paths, service)
  if (!ask) return [(await pairInUse(paths, service)) ? 'no certificate is awaited for it' : 'no key was made for it on this host']
  const faults = certificateFaults(chain, roots, { key: ask.key, wanted: one, now, lists })
  // Lists out of date would refuse every certificate: that says nothing about this one.
  const fresh = lists.length > 0 && lists.every((list) => list.nextUpdate !== undefined && list.nextUpdate > now)
  const presented = { key: ask.key, chain, ca: peers.ca, lists: fresh ? peers.lists : '', name: one.names[0] ?? '' }
  return faults.length > 0 ? faults : handshakeFaults(presented)
}
