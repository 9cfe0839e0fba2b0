import { fault } from '../codes.ts'
import type { FaultRecord } from '../engine/journal.ts'
import { faultFrom } from '../engine/remote-fault.ts'
import { hostPaths } from '../paths.ts'
import type { Connection } from '../remote/connection.ts'

const TIMEOUT_MS = 20 * 60_000

/** Asks the engine's program on the depot; question and answer are JSON on standard input and output. */
export async function askEngine<T>(connection: Connection, verb: string, question: unknown): Promise<T> {
  const { code, stdout, stderr } = await connection.exec(`${hostPaths().installer} engine ${verb} --json`, {
    input: JSON.stringify(question),
    timeoutMs: TIMEOUT_MS,
  })
  if (code === 0) return JSON.parse(stdout) as T
  const said = stderr.trim().split('\n').findLast((line) => line.startsWith('{"error":'))
  if (said) throw faultFrom((JSON.parse(said) as { error: FaultRecord }).error, connection.host.name)
  throw fault('E_HOST_COMMAND', `${connection.host.name}: engine ${verb} ended with ${code}`, { found: stderr.trim().slice(-1500) })
}
