import { readFile } from 'node:fs/promises'
import ssh2 from 'ssh2'
import { fault } from '../codes.ts'
import type { SiteHost } from '../site/site.ts'
import { algorithmsFor, fingerprint, fingerprintOf } from './host-key.ts'

/** How the operator logs in: the agent of the session, or an identity file (its passphrase is asked for by the CLI). */
export interface Login {
  readonly user: string
  readonly agent?: string
  readonly identity?: string
  readonly passphrase?: string
}

export interface Limits {
  readonly connectMs: number
  readonly commandMs: number
  readonly outputBytes: number
}

/** CNSA 2.0 asks for AES-256; it is also a third faster here than ChaCha20. */
const CIPHERS: ssh2.CipherAlgorithm[] = ['aes256-gcm@openssh.com', 'aes256-gcm', 'aes256-ctr']

export const LIMITS: Limits = { connectMs: 20_000, commandMs: 120_000, outputBytes: 8 * 1024 * 1024 }

export interface Executed {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface ExecOptions {
  /** Given on standard input, so that it shows in no list of processes. */
  readonly input?: string | Uint8Array
  readonly timeoutMs?: number
  readonly outputBytes?: number
}

/** One SSH connection to a declared host whose key is pinned. */
export class Connection {
  readonly host: SiteHost
  readonly #client: ssh2.Client
  readonly #limits: Limits
  #broken: Error | undefined

  private constructor(host: SiteHost, client: ssh2.Client, limits: Limits) {
    this.host = host
    this.#client = client
    this.#limits = limits
    client.on('error', (error) => (this.#broken = error))
    client.on('close', () => (this.#broken ??= new Error('the connection was closed')))
  }

  /** Throws E_HOST_KEY (both fingerprints), E_HOST_LOGIN or E_HOST_UNREACHABLE. */
  static async open(host: SiteHost, login: Login, limits: Limits = LIMITS): Promise<Connection> {
    const pinned = host.hostKeys.map((line) => Buffer.from(line.split(' ')[1] ?? '', 'base64'))
    const privateKey = login.identity === undefined ? undefined : await identityOf(login.identity)
    let shown: Buffer | undefined
    const client = new ssh2.Client()
    await new Promise<void>((resolve, reject) => {
      const fail = (cause: Error & { level?: string }): void => {
        client.destroy()
        reject(connectFault(host, shown, pinned, cause))
      }
      client.once('ready', () => {
        client.off('error', fail)
        resolve()
      })
      client.on('error', fail)
      try {
        client.connect({
          host: host.address,
          port: host.port,
          username: login.user,
          readyTimeout: limits.connectMs,
          keepaliveInterval: 10_000,
          keepaliveCountMax: 3,
          algorithms: { serverHostKey: algorithmsFor(host.hostKeys), cipher: CIPHERS },
          hostVerifier: (key: Buffer) => {
            shown = Buffer.from(key)
            return pinned.some((one) => one.equals(key))
          },
          ...(privateKey === undefined ? {} : { privateKey }),
          ...(login.passphrase === undefined ? {} : { passphrase: login.passphrase }),
          ...(privateKey === undefined && login.agent !== undefined ? { agent: login.agent } : {}),
        })
      } catch (cause) {
        fail(cause as Error)
      }
    })
    return new Connection(host, client, limits)
  }

  /** Runs a command; any exit code is an answer. Output beyond the bound, or a timeout, is E_HOST_COMMAND. */
  exec(command: string, options: ExecOptions = {}): Promise<Executed> {
    return new Promise((resolve, reject) => {
      if (this.#broken) return reject(this.lost(this.#broken))
      try {
        // Listeners are set within the callback: an exit code may come with the very packet that opens the channel.
        this.#client.exec(command, (error, channel) => {
          if (error) reject(this.lost(error))
          else this.#collect(channel, command, options).then(resolve, reject)
        })
      } catch (error) {
        reject(this.lost(error as Error))
      }
    })
  }

  #collect(channel: ssh2.ClientChannel, command: string, options: ExecOptions): Promise<Executed> {
    return new Promise((resolve, reject) => {
      const chunks: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] }
      const most = options.outputBytes ?? this.#limits.outputBytes
      const timeoutMs = options.timeoutMs ?? this.#limits.commandMs
      let size = 0
      let code: number | undefined
      const stop = (text: string): void => {
        clearTimeout(timer)
        reject(fault('E_HOST_COMMAND', `${this.host.name}: ${text}`, { found: `command: ${command.slice(0, 200)}` }))
        channel.destroy()
      }
      const timer = setTimeout(() => stop(`no answer within ${timeoutMs / 1000} s`), timeoutMs)
      const take = (name: 'stdout' | 'stderr') => (chunk: Buffer) => {
        size += chunk.length
        if (size > most) stop(`more than ${most} bytes of output`)
        else chunks[name].push(chunk)
      }
      channel.on('data', take('stdout'))
      channel.stderr.on('data', take('stderr'))
      channel.on('exit', (status: number | null) => (code = status ?? 255))
      channel.on('close', () => {
        clearTimeout(timer)
        if (code === undefined) return reject(this.lost(this.#broken ?? new Error('the channel closed without an exit code')))
        resolve({ code, stdout: Buffer.concat(chunks.stdout).toString('utf8'), stderr: Buffer.concat(chunks.stderr).toString('utf8') })
      })
      channel.end(options.input ?? '')
    })
  }

  /** Runs a command that must succeed and answers its standard output. */
  async must(command: string, options: ExecOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.exec(command, options)
    if (code !== 0)
      throw fault('E_HOST_COMMAND', `${this.host.name}: a command ended with ${code}`, {
        expected: '0',
        found: `${stderr.trim().slice(-1500) || stdout.trim().slice(-1500)}`,
        faults: [`command: ${command.slice(0, 300)}`],
      })
    return stdout
  }

  async sftp(): Promise<ssh2.SFTPWrapper> {
    return new Promise((resolve, reject) => {
      if (this.#broken) return reject(this.lost(this.#broken))
      try {
        this.#client.sftp((error, session) => (error ? reject(this.lost(error)) : resolve(session)))
      } catch (error) {
        reject(this.lost(error as Error))
      }
    })
  }

  lost(cause: Error): Error {
    return fault('E_HOST_UNREACHABLE', `the connection to ${this.host.name} (${this.host.address}) broke`, { found: cause.message, cause })
  }

  close(): void {
    this.#client.end()
  }
}

async function identityOf(path: string): Promise<Buffer> {
  return readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw fault('E_HOST_LOGIN', `the identity file ${path} cannot be read`, { found: cause.code ?? cause.message, cause })
  })
}

function connectFault(host: SiteHost, shown: Buffer | undefined, pinned: readonly Buffer[], cause: Error & { level?: string }): Error {
  const where = `${host.name} (${host.address}:${host.port})`
  if (shown && !pinned.some((one) => one.equals(shown)))
    return fault('E_HOST_KEY', `${where} shows a host key that is not pinned`, {
      expected: host.hostKeys.map(fingerprint).join(' or '),
      found: fingerprintOf(shown),
      cause,
    })
  if (cause.level === 'client-authentication')
    return fault('E_HOST_LOGIN', `${where} accepts none of the operator’s keys`, { found: cause.message, cause })
  return fault('E_HOST_UNREACHABLE', `${where} cannot be reached`, { found: cause.message, cause })
}
