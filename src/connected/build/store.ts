import { homedir } from 'node:os'
import { join } from 'node:path'

/** Folder of the content store that all builds of a person share. `SALLYPORT_CACHE` and the XDG base directories decide. */
export function defaultStore(env: NodeJS.ProcessEnv): string {
  const cache =
    env['SALLYPORT_CACHE'] ?? join(env['XDG_CACHE_HOME'] ?? join(env['HOME'] ?? homedir(), '.cache'), 'sallyport')
  return join(cache, 'store')
}
