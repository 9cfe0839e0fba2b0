import { posix } from 'node:path'
import { pathFault } from '../../bundle/path.ts'

/** Names by which an OCI layer removes what lies below it (image-spec 1.1, layer.md, "Whiteouts"). */
const WHITEOUT = '.wh.'

/**
 * Why a file of an image may not stand at `path`, relative to the root, or undefined when it may. As for trees of a
 * bundle, but a backslash is a letter: systemd escapes the names of units with it.
 */
export function placeFault(path: string): string | undefined {
  if (path.includes('\ufffd')) return 'is not UTF-8'
  if (/(?:^|[/\\])\.\.(?:[/\\]|$)/.test(path)) return 'leads out of the archive'
  return pathFault(path.replaceAll('\\', '_'))
}

export function isWhiteout(path: string): boolean {
  return path.split('/').some((step) => step.startsWith(WHITEOUT))
}

/** The name by which a layer removes everything that a folder holds below it. */
export function isOpaque(path: string): boolean {
  return posix.basename(path) === `${WHITEOUT}${WHITEOUT}.opq` && !isWhiteout(posix.dirname(path))
}

/** What a whiteout of a layer removes; undefined for a name that is none, or that would remove its own folder or more. */
export function whiteoutTarget(path: string): string | undefined {
  const name = posix.basename(path)
  if (!name.startsWith(WHITEOUT) || isWhiteout(posix.dirname(path))) return undefined
  const gone = name.slice(WHITEOUT.length)
  return gone === '' || gone === '.' || gone === '..' || gone.startsWith(WHITEOUT) ? undefined : posix.join(posix.dirname(path), gone)
}
