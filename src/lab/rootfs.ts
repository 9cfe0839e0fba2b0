import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import type { OnProgress } from '../bundle/fault.ts'
import { fault } from './codes.ts'
import { cacheFolder } from './layout.ts'
import { locked } from './lock.ts'
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

/**
 * A finished Debian 13 with `extra` packages, made once and kept under a key of everything it is made from. Returns its
 * folder, which is only ever copied. Throws E_LAB_ROOTFS, E_LAB_SOURCES.
 */
export async function baseRootfs(extra: readonly string[], progress: OnProgress, env = process.env): Promise<string> {
  const sources = await upstreamSources()
  const packages = [...new Set([...PACKAGES, ...extra])].toSorted()
  const key = createHash('sha256')
    .update(JSON.stringify({ RECIPE, SUITE, sources, packages }))
    .digest('hex')
    .slice(0, 16)
  const folder = join(cacheFolder(env), `${SUITE}-${key}`)
  if (existsSync(folder)) return folder
  return await locked(`${folder}.lock`, async () => {
    if (existsSync(folder)) return folder
    const partial = `${folder}.partial`
    await removeTree(partial)
    await mkdir(join(folder, '..'), { recursive: true })
    try {
      await bootstrap(partial, packages, sources, progress)
      await rename(partial, folder)
    } finally {
      await removeTree(partial)
    }
    return folder
  })
}

async function bootstrap(
  target: string,
  packages: readonly string[],
  sources: readonly string[],
  progress: OnProgress,
): Promise<void> {
  const making = execa(
    'mmdebstrap',
    [
      '--variant=minbase',
      '--format=directory',
      `--include=${packages.join(',')}`,
      `--keyring=${KEYRING}`,
      // Nothing to reach, and nothing that would make two hosts the same.
      '--customize-hook=rm -f "$1"/etc/apt/sources.list "$1"/etc/ssh/ssh_host_* "$1"/etc/machine-id',
      '--customize-hook=rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/archives/*.deb',
      SUITE,
      target,
      ...sources,
    ],
    { reject: false, timeout: TIME_LIMIT_MS, stdin: 'ignore', env: { LC_ALL: 'C.UTF-8' } },
  )
  let done = 0
  for await (const line of making.iterable({ from: 'stderr' }))
    if (line.startsWith('I: ')) progress({ done: (done += 1), unit: 'items', note: `Debian 13: ${line.slice(3)}` })
  const { exitCode, stderr } = await making
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

export async function removeTree(folder: string): Promise<void> {
  await program('rm', ['-rf', '--one-file-system', folder])
}
