import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { PACKAGES } from './packages.mjs'

const LISTS = '/var/lib/apt/lists'

/** The entries of PACKAGES that `purpose` needs and dpkg does not have. */
export function missingPackages(purpose) {
  const wanted = PACKAGES.filter((entry) => entry.for.includes(purpose))
  const { stdout } = spawnSync('dpkg-query', ['-W', '-f', '${Package} ${db:Status-Status}\n', ...wanted.map((entry) => entry.name)], {
    encoding: 'utf8',
  })
  const installed = new Set(stdout.split('\n').filter((line) => line.endsWith(' installed')).map((line) => line.split(' ')[0]))
  return wanted.filter((entry) => !installed.has(entry.name))
}

/** Says what is installed and why, then installs it. Throws when apt fails. */
export function installPackages(missing) {
  if (missing.length === 0) return
  const width = Math.max(...missing.map((entry) => entry.name.length))
  console.error(`Installing ${missing.length} Debian package(s) that this machine lacks:`)
  for (const { name, why } of missing) console.error(`  ${name.padEnd(width)}  ${why}`)
  const started = Date.now()
  const names = missing.map((entry) => entry.name)
  if (!hasLists()) update('there are no package lists yet')
  if (!install(names)) {
    update('the package lists may be old')
    if (!install(names)) throw new Error(`apt-get could not install ${names.join(' ')}; what it said is above`)
  }
  console.error(`Debian packages installed in ${Math.round((Date.now() - started) / 1000)} s`)
}

function hasLists() {
  return existsSync(LISTS) && readdirSync(LISTS).some((name) => /_Packages(\.\w+)?$/.test(name))
}

function update(reason) {
  console.error(`apt-get update: ${reason}`)
  // A third-party source that does not answer must not keep Debian's own from being used.
  apt('exec apt-get "$@"', ['-q', '-o', 'Acquire::Retries=1', '-o', 'Acquire::http::Timeout=30', '-o', 'Acquire::https::Timeout=30', 'update'])
}

/**
 * No service of these packages is started: the programs are wanted, not daemons on this machine. That is Debian's
 * policy-rc.d; one that is there already is left as it is.
 */
const WITHOUT_SERVICES = `policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 130' INT TERM HUP
  printf '#!/bin/sh\\nexit 101\\n' >"$policy" && chmod 755 "$policy"
fi
apt-get "$@"`

function install(names) {
  return apt(WITHOUT_SERVICES, ['-q', '-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=300', '-o', 'Dpkg::Use-Pty=0', 'install', ...names])
}

function apt(script, words) {
  const { status } = spawnSync('sh', ['-c', script, 'apt', ...words], {
    stdio: ['ignore', 2, 2],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' },
  })
  return status === 0
}
