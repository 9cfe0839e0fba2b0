import { setTimeout as pause } from 'node:timers/promises'
import { Fault } from '../../bundle/fault.ts'

/** Milliseconds between tries: an upstream that is away for a moment is asked again, one that is away for longer is not. */
export const PAUSES: readonly number[] = [1_000, 4_000, 15_000]

/** What the clients say of a certificate that is not trusted or not the server's: asking again does not mend it. */
const CERTIFICATE = /certificate|x509|\bSSL\b/i

/** A pause is up to this part longer, so that many builds do not ask at the same moment. */
const SPREAD = 0.3

export interface Patience {
  readonly pauses: readonly number[]
  readonly signal: AbortSignal
}

/**
 * Does `work` again while its upstream cannot be reached. Every other fault is final at once: what is missing, changed or
 * not signed stays so.
 */
export async function patiently<T>(work: () => Promise<T>, { pauses, signal }: Patience): Promise<T> {
  for (let tried = 0; ; tried++)
    try {
      return await work()
    } catch (error) {
      const wait = pauses[tried]
      if (wait === undefined || signal.aborted || !isPassing(error)) throw error
      await pause(wait * (1 + Math.random() * SPREAD), undefined, { signal }).catch(() => undefined)
      if (signal.aborted) throw error
    }
}

const isPassing = (error: unknown): boolean =>
  error instanceof Fault && error.code === 'E_UPSTREAM_UNREACHABLE' && !(error.detail.faults ?? []).some((line) => CERTIFICATE.test(line))
