import { spawn, spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { PACKAGES } from './packages.mjs'

const LISTS = '/var/lib/apt/lists'
const SAY_EVERY_MS = 5000
const TAIL_LINES = 30

/** The entries of PACKAGES that `purpose` needs and this machine lacks. */
export function missingPackages(purpose) {
  const wanted = PACKAGES.filter((entry) => entry.for.includes(purpose))
  const { stdout } = spawnSync('dpkg-query', ['-W', '-f', '${Package} ${db:Status-Status}\n', ...wanted.map((entry) => entry.name)], {
    encoding: 'utf8',
  })
  const installed = new Set((stdout ?? '').split('\n').filter((line) => line.endsWith(' installed')).map((line) => line.split(' ')[0]))
  return wanted.filter((entry) => !installed.has(entry.name) && !(entry.program && isOnPath(entry.program)))
}

/** Says what is installed and why, then installs it. Throws when apt fails. */
export async function installPackages(missing) {
  if (missing.length === 0) return
  const width = Math.max(...missing.map((entry) => entry.name.length))
  console.error(`Installing ${missing.length} Debian package(s) that this machine lacks, with apt-get; no service is started:`)
  for (const { name, why } of missing) console.error(`  ${name.padEnd(width)}  ${why}`)
  const started = Date.now()
  const names = missing.map((entry) => entry.name)
  if (!hasLists()) await update('there are no package lists yet')
  if (!(await install(names))) {
    await update('the package lists may be old')
    if (!(await install(names, true))) throw new Error(`apt-get could not install ${names.join(' ')}; what it said last is above`)
  }
  console.error(`Debian packages installed in ${Math.round((Date.now() - started) / 1000)} s`)
}

function isOnPath(program) {
  return (process.env.PATH ?? '').split(':').some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

function hasLists() {
  return existsSync(LISTS) && readdirSync(LISTS).some((name) => /_Packages(\.\w+)?$/.test(name))
}

async function update(reason) {
  console.error(`apt-get update: ${reason}`)
  // A third-party source that does not answer must not keep Debian's own from being used.
  await apt('exec apt-get "$@"', ['-q', '-o', 'Acquire::Retries=1', '-o', 'Acquire::http::Timeout=30', '-o', 'Acquire::https::Timeout=30', 'update'])
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

function install(names, last = false) {
  const words = ['-q', '-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=300', '-o', 'Dpkg::Use-Pty=0', 'install', ...names]
  return apt(WITHOUT_SERVICES, words, last)
}

/** Runs apt and shows how far it is; what it said last is shown when `loud` and it fails. */
async function apt(script, words, loud = false) {
  const child = spawn('sh', ['-c', script, 'apt', ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' },
  })
  const tail = []
  const counts = { 'Get:': 0, 'Unpacking ': 0, 'Setting up ': 0 }
  const heard = (line) => {
    tail.push(line)
    if (tail.length > TAIL_LINES) tail.shift()
    for (const start of Object.keys(counts)) if (line.startsWith(start)) counts[start] += 1
  }
  for (const input of [child.stdout, child.stderr]) createInterface({ input }).on('line', heard)
  const [fetched, unpacked, ready] = Object.keys(counts)
  const clock = setInterval(
    () => console.error(`  fetched ${counts[fetched]}, unpacked ${counts[unpacked]}, set up ${counts[ready]}`),
    SAY_EVERY_MS,
  )
  const status = await new Promise((resolve) => {
    child.on('error', () => resolve(1))
    child.on('close', resolve)
  })
  clearInterval(clock)
  if (status !== 0 && loud) console.error(tail.map((line) => `  apt: ${line}`).join('\n'))
  return status === 0
}
