import { fault } from '../codes.ts'
import { shown } from '../definition/chain.ts'
import type { Definition } from '../definition/definition.ts'
import { filesDigest, type Lock } from './lock.ts'

/** Throws E_LOCK_STALE naming every file that was changed, added or removed since the lock was made. */
export function refuseStale(lock: Lock, definition: Definition): void {
  const then = lock.definition.files
  const now = definition.files
  const digest = filesDigest(now)
  if (digest === lock.definition.digest) return
  const faults = [
    ...Object.keys(now).flatMap((path) =>
      then[path] === undefined ? [`added: ${path}`] : then[path] === now[path] ? [] : [`changed: ${path}`],
    ),
    ...Object.keys(then).flatMap((path) => (now[path] === undefined ? [`removed: ${path}`] : [])),
  ]
  throw fault('E_LOCK_STALE', `The lock ${shown(definition.lockFile)} was made from another definition.`, {
    expected: `sha512:${lock.definition.digest.slice(0, 16)}… (definition of the lock)`,
    found: `sha512:${digest.slice(0, 16)}… (definition now)`,
    faults,
  })
}
