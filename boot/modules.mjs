import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Whether node_modules holds what package-lock.json says. Compares the lock with the one npm writes into node_modules
 * as its last act, so that an interrupted installation counts as none, and one that npm did itself counts.
 */
export function modulesAreCurrent(root) {
  try {
    if (!existsSync(join(root, 'node_modules/.bin/node'))) return false
    const [wanted, present] = ['package-lock.json', 'node_modules/.package-lock.json'].map(
      (file) => JSON.parse(readFileSync(join(root, file), 'utf8')).packages,
    )
    const same = (path) => wanted[path]?.version === present[path]?.version && wanted[path]?.integrity === present[path]?.integrity
    // Packages for other systems are optional and rightly absent.
    return Object.keys(wanted).every((path) => path === '' || same(path) || (isOptional(wanted[path]) && !present[path])) &&
      Object.keys(present).every(same)
  } catch {
    return false
  }
}

/**
 * `npm ci` without install scripts: none is needed (the pinned Node, esbuild and DuckDB come as packages of their own,
 * ssh2 uses node:crypto), and newer npm asks about each. Throws when npm fails.
 */
export function installModules(root) {
  const here = existsSync(join(root, 'node_modules'))
  console.error(`Installing the npm packages of package-lock.json, as ${here ? 'node_modules does not match it' : 'there is no node_modules'} (npm ci, about half a minute)`)
  const started = Date.now()
  const { status, error } = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    // What npm prints must not mix with the output of the command that follows.
    stdio: ['ignore', 2, 2],
  })
  if (error) throw new Error(`npm could not be started (${error.code}); install the npm package of your system`)
  if (status !== 0) throw new Error('npm ci failed; what it said is above. Run the same command again')
  console.error(`npm packages installed in ${Math.round((Date.now() - started) / 1000)} s`)
}

function isOptional(entry) {
  return entry.optional === true || entry.devOptional === true || entry.peer === true
}
