import { Agent } from 'node:https'
import type { Duplex } from 'node:stream'
import type { TlsMaterial } from './material.ts'

/** The proxy at the other end closes every connection after 45 seconds: none is used so near its end. */
const LIFE_MS = 30_000

/**
 * Connections to the mesh's other services: each new one shows the certificate as it is then, and believes the
 * organisation only. None lives longer than half a minute, and sessions are not resumed: a renewed certificate is shown,
 * and a revoked one no longer believed, within that time.
 */
export class MeshAgent extends Agent {
  readonly #material: () => TlsMaterial
  readonly #old = new WeakSet<Duplex>()

  constructor(material: () => TlsMaterial) {
    super({ keepAlive: true, maxCachedSessions: 0, maxSockets: 32, minVersion: 'TLSv1.3' })
    this.#material = material
  }

  override createConnection(...[options, callback]: Parameters<Agent['createConnection']>): ReturnType<Agent['createConnection']> {
    const socket = super.createConnection({ ...options, ...this.#material() }, callback)
    if (socket) setTimeout(() => this.#age(socket), LIFE_MS).unref()
    return socket
  }

  override keepSocketAlive(socket: Duplex): boolean {
    return !this.#old.has(socket) && (super.keepSocketAlive(socket) as unknown as boolean)
  }

  #age(socket: Duplex): void {
    this.#old.add(socket)
    const idle = Object.values(this.freeSockets).some((sockets) => sockets?.includes(socket as never))
    if (idle) socket.destroy()
  }
}
