import { createHash } from 'node:crypto'
import ssh2 from 'ssh2'
import { fault } from '../codes.ts'

/** `SHA256:…` as ssh-keygen -lf prints it. `line` is `type base64`. */
export function fingerprint(line: string): string {
  return fingerprintOf(Buffer.from(line.split(' ')[1] ?? '', 'base64'))
}

export function fingerprintOf(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`
}

/** The public key line of a key blob (RFC 4253 section 6.6: the blob begins with its type). */
export function keyLine(blob: Buffer): string {
  const length = blob.readUInt32BE(0)
  return `${blob.subarray(4, 4 + length).toString('ascii')} ${blob.toString('base64')}`
}

/** Signature algorithms that prove possession of a key of the pinned types. */
export function algorithmsFor(lines: readonly string[]): ssh2.ServerHostKeyAlgorithm[] {
  const types = new Set(lines.map((line) => line.split(' ')[0] ?? ''))
  return [...types].flatMap((type) =>
    type === 'ssh-rsa' ? (['rsa-sha2-512', 'rsa-sha2-256'] as const) : [type as ssh2.ServerHostKeyAlgorithm],
  )
}

const TYPES: readonly ssh2.ServerHostKeyAlgorithm[] = [
  'ecdsa-sha2-nistp384',
  'ssh-ed25519',
  'ecdsa-sha2-nistp521',
  'ecdsa-sha2-nistp256',
  'rsa-sha2-512',
]

/**
 * Reads the host keys that a host shows, without logging in, and answers the line of the one that equals the fingerprint
 * its administrator gave. Without one, or with another, nothing is pinned: E_HOST_KEY_UNCONFIRMED shows what was found.
 */
export async function readHostKey(
  host: { name: string; address: string; port: number },
  confirmed: string | undefined,
  timeoutMs: number,
): Promise<string> {
  const shown: Buffer[] = []
  for (const type of TYPES) {
    const blob = await shownKey(host, type, timeoutMs)
    if (!blob) continue
    if (fingerprintOf(blob) === confirmed) return keyLine(blob)
    shown.push(blob)
  }
  const found = shown.map((blob) => `${fingerprintOf(blob)} (${keyLine(blob).split(' ')[0]})`)
  throw fault('E_HOST_KEY_UNCONFIRMED', `${host.name} (${host.address}) shows host keys that nobody confirmed`, {
    expected: confirmed ?? 'a fingerprint from the administrator of the host: --host-key',
    found: found.join(', ') || 'no key of a type that this program takes',
    next: confirmed
      ? 'Do not go on: ask the administrator of the host. Something else may answer at this address.'
      : `Compare with what the administrator reads on the console; if one is equal, add --host-key ${host.name}=SHA256:…`,
  })
}

/** The key of one type, or undefined when the host has none. Throws E_HOST_UNREACHABLE when it is not there at all. */
function shownKey(
  host: { name: string; address: string; port: number },
  type: ssh2.ServerHostKeyAlgorithm,
  timeoutMs: number,
): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client()
    let blob: Buffer | undefined
    client.on('error', (cause: Error & { level?: string }) => {
      client.destroy()
      if (blob || cause.level === 'handshake') return resolve(blob)
      const where = `${host.name} (${host.address}:${host.port})`
      reject(fault('E_HOST_UNREACHABLE', `${where} did not show a host key`, { found: cause.message, cause }))
    })
    client.connect({
      host: host.address,
      port: host.port,
      username: 'root',
      readyTimeout: timeoutMs,
      algorithms: { serverHostKey: [type] },
      hostVerifier: (key: Buffer) => {
        blob = Buffer.from(key)
        // Only looking: the handshake is refused before anything is said.
        return false
      },
    })
  })
}
