import { spawnSync } from 'node:child_process'
import { printable } from '../bundle/printable.ts'
import { fault } from './codes.ts'

/** pkcs11-tool of OpenSC: what speaks to modules of every maker, in a process of its own. */
const PROGRAM = 'pkcs11-tool'
/** A person may have to touch the token. */
const TIMEOUT = 120_000
const OUTPUT_LIMIT = 4 << 20
/** The PIN's place: an environment is read by its owner alone, an argument list by everybody. */
const PIN = 'SALLYPORT_TOKEN_PIN'

/** What PKCS#11 3.1 section 5.1 calls it, and what it is to the person at the desk. */
const ANSWERS = {
  E_TOKEN_PIN: /CKR_PIN_(?:INCORRECT|INVALID|LEN_RANGE)\b/,
  E_TOKEN_LOCKED: /CKR_PIN_(?:LOCKED|EXPIRED)\b|CKR_USER_PIN_NOT_INITIALIZED\b/,
  E_TOKEN_ABSENT: /CKR_(?:SLOT_ID_INVALID|TOKEN_NOT_PRESENT|TOKEN_NOT_RECOGNIZED|DEVICE_REMOVED|SESSION_CLOSED|SESSION_HANDLE_INVALID)\b|No slots\b|No slot with\b/,
  E_TOKEN_FORBIDS: /CKR_(?:KEY_FUNCTION_NOT_PERMITTED|ACTION_PROHIBITED)\b/,
  E_TOKEN_ALGORITHM: /CKR_(?:MECHANISM_INVALID|KEY_TYPE_INCONSISTENT|KEY_SIZE_RANGE)\b/,
  E_TOKEN_KEY: /\bkey not found\b|CKR_(?:KEY|OBJECT)_HANDLE_INVALID\b/i,
  E_TOKEN_MODULE: /Failed to load pkcs11 module/,
} as const

/** The code for what pkcs11-tool wrote on standard error. */
export function codeOf(said: string): keyof typeof ANSWERS | 'E_TOKEN_FAILED' {
  for (const [code, words] of Object.entries(ANSWERS)) if (words.test(said)) return code as keyof typeof ANSWERS
  return 'E_TOKEN_FAILED'
}

export interface Asking {
  readonly module: string | undefined
  readonly pin?: string
  readonly input?: Uint8Array
  /** What was to be done, for a fault. */
  readonly doing: string
}

/** Runs pkcs11-tool and gives its standard output. The PIN is in no argument, and no text of a fault is the tool's own. */
export function askToken(words: readonly string[], { module, pin, input, doing }: Asking): Buffer {
  const all = [...(module === undefined ? [] : ['--module', module]), ...(pin === undefined ? [] : ['--login', '--pin', `env:${PIN}`]), ...words]
  const { status, stdout, stderr, error } = spawnSync(PROGRAM, all, {
    env: { ...process.env, LC_ALL: 'C.UTF-8', ...(pin === undefined ? {} : { [PIN]: pin }) },
    ...(input === undefined ? {} : { input }),
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    timeout: TIMEOUT,
    maxBuffer: OUTPUT_LIMIT,
  })
  if (error) {
    const gone = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw fault('E_TOKEN_PROGRAM', gone ? `there is no program ${PROGRAM} on this machine` : `${PROGRAM} did not end while ${doing}`, { cause: error, found: printable(error.message, 200) })
  }
  if (status === 0) return stdout
  const said = stderr.toString()
  const answer = /CKR_[A-Z0-9_]+/.exec(said)?.[0] ?? printable(said.trim().split('\n')[0] ?? '', 200)
  throw fault(codeOf(said), `the token did not do what was asked: ${doing}`, { found: pin !== undefined && answer.includes(pin) ? 'no answer that may be shown' : answer })
}
