import { execa } from 'execa'
import { fault } from '../codes.ts'

export interface ClientResult {
  readonly ok: boolean
  readonly stdout: string
  readonly stderr: string
}

export interface ClientOptions {
  readonly cwd?: string
  /** The whole environment of the child. */
  readonly env: NodeJS.ProcessEnv
  readonly signal: AbortSignal
  /** The Debian package that has the program, for the error text. */
  readonly debian: string
  /** What to do instead where Debian has no such package. */
  readonly next?: string
  /** Milliseconds. */
  readonly timeout?: number
  /** Standard input; none when absent. */
  readonly input?: string
}

const HOUR = 3_600_000

/**
 * Runs an ecosystem's own client to its end. A client that fails is a result, not an exception: each source words its
 * client's failures itself. Throws E_CLIENT_MISSING when the program is not installed, E_BUILD_INTERRUPTED on abort.
 */
export async function runClient(
  program: string,
  args: readonly string[],
  options: ClientOptions,
): Promise<ClientResult> {
  const done = await execa(program, args, {
    env: { ...options.env, LC_ALL: 'C.UTF-8' },
    extendEnv: false,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    cancelSignal: options.signal,
    timeout: options.timeout ?? HOUR,
    reject: false,
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
    maxBuffer: 256 * 1024 * 1024,
  })
  if (done.isCanceled || options.signal.aborted) throw fault('E_BUILD_INTERRUPTED', `${program} was interrupted.`)
  if (done.code === 'ENOENT')
    throw fault('E_CLIENT_MISSING', `${program} is not installed.`, {
      expected: `the program ${program} on PATH`,
      found: 'no such program',
      next: options.next ?? `apt-get install ${options.debian}`,
    })
  if (done.timedOut)
    throw fault('E_UPSTREAM_UNREACHABLE', `${program} did not end within ${(options.timeout ?? HOUR) / 1000} s.`)
  const result = { ok: done.exitCode === 0, stdout: done.stdout, stderr: done.stderr }
  // Never anything else, whatever a client makes of it: to apt such an index is not signed, to go such a module is missing.
  if (!result.ok && UNAUTHORISED.test(`${done.stderr}\n${done.stdout}`))
    throw fault('E_UPSTREAM_LOGIN', `${program} is not let in by its upstream.`, { faults: lastWords(result) })
  return result
}

/** How the clients say that a login was refused or is missing. */
const UNAUTHORISED =
  /\b401\s+(?:Unauthorized|Error)|HTTP (?:Error|Code:) 401|\bE401\b|status code:? 401|Authentication failed for|could not read Username|unauthorized: authentication required|Status code: 401/i

/** The last lines of a client's own words, for the list of faults; without the login that an address in them may have. */
export function lastWords(result: ClientResult, lines = 8): string[] {
  const text = result.stderr.trim() === '' ? result.stdout : result.stderr
  return text
    .trim()
    .split('\n')
    .filter((line) => !line.startsWith('W: Download is performed unsandboxed'))
    .slice(-lines)
    .map((line) => line.replace(/(\b[a-z][a-z0-9+.-]*:\/\/)[^/\s@]+@/gi, '$1'))
}

/** Phrases by which the clients report that the network, not the request, is at fault. */
const UNREACHABLE =
  /could not resolve|temporary failure|could not connect|cannot initiate the connection|connection (?:refused|timed out|reset|failed)|network is unreachable|no such host|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|i\/o timeout|NewConnectionError|Max retries exceeded|connection broken|\b50[0234]\b|certificate verif|x509:|SSL/i

/** The fault for a client that failed for no reason its source knows: unreachable when its words say so. */
export function clientFault(program: string, result: ClientResult, otherwise: () => Error): Error {
  const words = `${result.stderr}\n${result.stdout}`
  if (!UNREACHABLE.test(words)) return otherwise()
  return fault('E_UPSTREAM_UNREACHABLE', `${program} could not reach its upstream.`, { faults: lastWords(result) })
}
