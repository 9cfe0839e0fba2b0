import { connect } from 'node:net'
import { declaredPorts } from '../../../src/assessment/declared.ts'
import { SERVICES, type Listen } from '../../../src/cli/ports-page.ts'
import { listenersOn, type Mesh } from './mutual-tls.ts'

const AT_ONCE = 400
const PATIENCE_MS = 2000

/** TCP ports of an address that accept a connection from this machine, out of all 65,535. */
export async function openPorts(address: string): Promise<number[]> {
  const found: number[] = []
  let next = 1
  const worker = async (): Promise<void> => {
    while (next <= 65_535) {
      const port = next++
      if (await accepts(address, port)) found.push(port)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return found.toSorted((a, b) => a - b)
}

function accepts(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: PATIENCE_MS })
    const end = (answer: boolean) => () => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', end(true)).once('error', end(false)).once('timeout', end(false))
  })
}

type Roles = readonly string[]
const portsOf = ({ port, lastPort = port }: Listen): number[] => Array.from({ length: lastPort - port + 1 }, (_, index) => port + index)

/** Ports that the proxy or a service of this host has on its address, or hands on to other hosts. */
function onAddress(mesh: Mesh, roles: Roles): { listen: Listen; fromAnywhere: boolean }[] {
  const everywhere = mesh.hosts.flatMap((host) => listenersOn(mesh, host.roles))
  const handedOn = everywhere.filter(({ listen }) => listen.upstream !== undefined)
  const own = listenersOn(mesh, roles).filter(({ listen }) => listen.bind === 'address')
  const known = (caller: string): boolean => SERVICES[caller]?.role !== undefined
  return [...own, ...(roles.includes('proxy') ? handedOn : [])].map(({ listen }) => ({
    listen,
    // Only hosts that hold a caller reach what a service ends by itself for other services.
    fromAnywhere: listen.upstream !== undefined || !listen.callers.every((caller) => typeof caller === 'string' && known(caller)),
  }))
}

const sorted = (ports: readonly number[]): number[] => [...new Set(ports)].toSorted((a, b) => a - b)

/** What a scan from a machine that is no host of the site has to find, no more and no less. */
export function declaredOutside(mesh: Mesh, roles: Roles): number[] {
  return sorted(onAddress(mesh, roles).filter(({ fromAnywhere }) => fromAnywhere).flatMap(({ listen }) => portsOf(listen)))
}

/** What may listen on the host's address, and on its loopback address. */
export function declaredInside(mesh: Mesh, roles: Roles): { address: readonly number[]; loopback: readonly number[] } {
  return declaredPorts(SERVICES, mesh.hosts, { roles })
}
