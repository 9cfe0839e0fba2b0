import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { execa } from 'execa'
import type { OnProgress } from '../bundle/fault.ts'
import { fault } from './codes.ts'
import { cacheFolder } from '../bundle/cache.ts'
import { program } from './program.ts'
import { SUITE, upstreamSources } from './upstream.ts'

/** Raised when what is done to the file system here changes, so that cached ones are made anew. */
const RECIPE = 1
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'

/** What a Debian server has after an installation with nothing but "SSH server" chosen. */
const PACKAGES = [
  'ca-certificates',
  'dbus',
  'debian-archive-keyring',
  'iproute2',
  'iputils-ping',
  'kmod',
  'libpam-systemd',
  'netbase',
  'nftables',
  'openssh-server',
  'procps',
  'systemd',
  'systemd-sysv',
  'tzdata',
] as const

const TIME_LIMIT_MS = 900_000
const REMOVED_WITHIN_MS = 10_000

interface RootfsRequest {
  /** Packages beyond PACKAGES. */
  readonly with?: readonly string[]
  readonly progress?: OnProgress
  readonly signal?: AbortSignal
}

/**
 * A finished Debian 13 with extra packages, made once and kept under a key of everything it is made from. Returns its
 * folder, which is only ever copied. Throws E_LAB_ROOTFS, E_LAB_SOURCES.
 */
export async function baseRootfs({ with: extra = [], progress, signal }: RootfsRequest): Promise<string> {
  const sources = await upstreamSources()
  const packages = [...new Set([...PACKAGES, ...extra])].toSorted()
  const key = createHash('sha256')
    .update(JSON.stringify({ RECIPE, SUITE, sources, packages }))
    .digest('hex')
    .slice(0, 16)
  const folder = join(cacheFolder(process.env), 'lab', `${SUITE}-${key}`)
  if (!existsSync(folder)) await bootstrap(folder, packages, sources, { ...(progress && { progress }), ...(signal && { signal }) })
  return folder
}

/**
 * Run under flock(1), whose lock is inherited by everything it starts: however this process ends, no other begins while
 * something of this one still writes.
 */
const ONCE = `folder=$1; shift
[ ! -e "$folder" ] || exit 0
rm -rf --one-file-system "$folder.partial"
if mmdebstrap "$@"; then mv "$folder.partial" "$folder"; else rm -rf --one-file-system "$folder.partial"; exit 1; fi`

async function bootstrap(
  folder: string,
  packages: readonly string[],
  sources: readonly string[],
  { progress, signal }: RootfsRequest,
): Promise<void> {
  await mkdir(dirname(folder), { recursive: true })
  const words = [
    '--variant=minbase',
    '--format=directory',
    `--include=${packages.join(',')}`,
    `--keyring=${KEYRING}`,
    // Nothing to reach, and nothing that would make two hosts the same.
    '--customize-hook=rm -f "$1"/etc/apt/sources.list "$1"/etc/ssh/ssh_host_* "$1"/etc/machine-id',
    '--customize-hook=rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/archives/*.deb',
    SUITE,
    `${folder}.partial`,
    ...sources,
  ]
  const making = execa('flock', ['--exclusive', `${folder}.lock`, 'sh', '-c', ONCE, 'once', folder, ...words], {
    reject: false,
    stdin: 'ignore',
    stdout: 'ignore',
    env: { LC_ALL: 'C.UTF-8' },
    // A group of its own, which is stopped as a whole.
    detached: true,
  })
  const stop = (): void => void (making.pid !== undefined && process.kill(-making.pid, 'SIGTERM'))
  const limit = setTimeout(stop, TIME_LIMIT_MS)
  signal?.addEventListener('abort', stop)
  let done = 0
  createInterface({ input: making.stderr }).on('line', (line) => {
    if (line.startsWith('I: ')) progress?.({ done: (done += 1), unit: 'items', note: `Debian 13: ${line.slice(3)}` })
  })
  const { exitCode, stderr } = await making
  clearTimeout(limit)
  signal?.removeEventListener('abort', stop)
  signal?.throwIfAborted()
  if (exitCode === 0) return
  throw fault('E_LAB_ROOTFS', 'mmdebstrap could not make a Debian 13 file system', {
    expected: `${packages.length} packages from ${sources.join('; ')}`,
    found: stderr.split('\n').filter((line) => /^(E|W):|error/i.test(line)).slice(-8).join('\n') || stderr.slice(-800),
  })
}

/** A copy with owners, modes, links and capabilities; shares blocks where the file system can. */
export async function copyTree(from: string, to: string): Promise<void> {
  await program('cp', ['--archive', '--reflink=auto', from, to])
}

/** Removes a folder; tries again for a while, as processes just killed may still be writing their last. */
export async function removeTree(folder: string): Promise<void> {
  const deadline = performance.now() + REMOVED_WITHIN_MS
  for (;;)
    try {
      return void (await program('rm', ['-rf', '--one-file-system', folder]))
    } catch (error) {
      if (performance.now() > deadline) throw error
      await pause(200)
    }
}
