import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

/**
 * Folder of everything this person's builds and labs may throw away: `SALLYPORT_CACHE`, or `sallyport` below the XDG
 * cache folder. A value that is empty or no absolute path counts as not set (XDG Base Directory Specification 0.8).
 */
export function cacheFolder(env: NodeJS.ProcessEnv): string {
  const absolute = (name: string): string | undefined => (isAbsolute(env[name] ?? '') ? env[name] : undefined)
  return absolute('SALLYPORT_CACHE') ?? join(absolute('XDG_CACHE_HOME') ?? join(absolute('HOME') ?? homedir(), '.cache'), 'sallyport')
}
