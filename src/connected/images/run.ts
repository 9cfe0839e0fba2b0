import { lstatSync, mkdirSync, readdirSync, readlinkSync, realpathSync, rmSync, type BigIntStats } from 'node:fs'
import { join, posix } from 'node:path'
import { execa } from 'execa'
import { fault } from './codes.ts'
import { sameContent } from './content.ts'
import { lowerOf } from './lower.ts'
import { DEFAULT_PATH } from './manifest.ts'
import { MADE_AT, madeFile, type Entry, type Node, type RegularFile } from './node.ts'
import { isWhiteout, whiteoutTarget } from './place.ts'
import type { LayerSpec } from './recipe.ts'
import { readTar } from './tar-read.ts'

const STEP_TIMEOUT = 15 * 60 * 1000
/** Places that belong to the running container, never to its image. */
const VOLATILE = new Set(['dev', 'proc', 'sys', 'run', 'tmp'])

/**
 * Inside namespaces of its own (mounts, processes, no network): devices that take no state, an empty /tmp, then the
 * command in a chroot. All mounts end with the namespace. Arguments: root, environment, command.
 */
const ENTER = `
root=$1
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=0755 tmpfs "$root/dev"
for device in null zero full random urandom; do
  : > "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
shift
exec /usr/bin/env -i "$@"
`

/**
 * Runs a layer's commands on top of the layers below and returns what they changed, OCI whiteouts for what they
 * removed included. The result depends on clocks and chance: callers pin it. Contents stay in `scratch`.
 * Throws E_IMAGE_RUN_ROOT, E_IMAGE_RUN with the last lines of the command.
 */
export async function runSteps(spec: LayerSpec, lower: readonly string[], scratch: string): Promise<Entry[]> {
  if (process.getuid?.() !== 0) {
    throw fault('E_IMAGE_RUN_ROOT', `layer ${spec.name} runs commands inside the image, which needs root`)
  }
  const root = join(scratch, 'root')
  mkdirSync(root)
  for (const layer of lower) await extract(layer, root)
  for (const folder of VOLATILE) mkdirSync(join(root, folder), { recursive: true })
  const before = snapshot(root)
  for (const step of spec.run ?? []) await runStep(spec, step, root)
  const original = lowerOf(lower)
  return changes(root, before, snapshot(root)).filter(({ path, node }) => !isSame(node, original.get(path)))
}

async function extract(layer: string, root: string): Promise<void> {
  for (const { path } of readTar(layer, 'layer')) {
    const gone = whiteoutTarget(path)
    if (gone === undefined) continue
    // A link of the image on the way would lead to this machine's own files.
    const folder = join(realpathSync(root), posix.dirname(gone))
    if (realpathSync(folder) !== folder) throw fault('E_IMAGE_ARCHIVE', `${layer}: ${path} lies below a link`)
    rmSync(join(root, gone), { recursive: true, force: true })
  }
  const options = ['--extract', '--same-permissions', '--same-owner', '--numeric-owner', '--exclude=.wh.*']
  await execa('tar', [...options, '--file', layer, '--directory', root], { env: { LC_ALL: 'C.UTF-8' } })
}

async function runStep(spec: LayerSpec, step: readonly string[], root: string): Promise<void> {
  const env = { PATH: DEFAULT_PATH, HOME: '/root', LC_ALL: 'C.UTF-8', ...spec.env }
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  const spaces = ['--mount', '--net', '--pid', '--ipc', '--uts', '--fork', '--kill-child', '--propagation', 'private']
  const inside = ['/bin/sh', '-euc', ENTER, 'sh', root, ...variables, '/usr/sbin/chroot', root, ...step]
  const { failed, all, exitCode, timedOut } = await execa('unshare', [...spaces, '--', ...inside], {
    all: true,
    reject: false,
    stdin: 'ignore',
    timeout: STEP_TIMEOUT,
    maxBuffer: 1 << 20,
  })
  if (!failed) return
  throw fault('E_IMAGE_RUN', `layer ${spec.name}: ${step.join(' ')} failed`, {
    expected: 'exit code 0',
    found: timedOut ? `still running after ${STEP_TIMEOUT / 60_000} minutes` : `exit code ${exitCode ?? 'none'}`,
    faults: all.trimEnd().split('\n').slice(-15),
  })
}

type Snapshot = ReadonlyMap<string, BigIntStats>

function snapshot(root: string): Snapshot {
  const seen = new Map<string, BigIntStats>()
  const walk = (folder: string): void => {
    for (const name of readdirSync(join(root, folder)).toSorted()) {
      const path = posix.join(folder, name)
      if (VOLATILE.has(path)) continue
      const stats = lstatSync(join(root, path), { bigint: true })
      seen.set(path, stats)
      if (stats.isDirectory()) walk(path)
    }
  }
  walk('')
  return seen
}

/** A change of content, owner or mode moves ctime, which no program can set back. */
function changes(root: string, before: Snapshot, after: Snapshot): Entry[] {
  const entries: Entry[] = []
  const linked = new Map<bigint, RegularFile>()
  for (const [path, now] of after) {
    const then = before.get(path)
    const same = then !== undefined && then.ino === now.ino && then.ctimeNs === now.ctimeNs
    if (!same && isWhiteout(path)) throw fault('E_IMAGE_RUN', `/${path} was made, a name that removes something from an image`)
    if (same || (then?.isDirectory() === true && now.isDirectory() && sameOwner(then, now))) continue
    const node = nodeOf(join(root, path), now, linked)
    if (node !== undefined) entries.push({ path, node })
  }
  for (const path of before.keys()) {
    const parent = posix.dirname(path)
    if (after.has(path) || (parent !== '.' && after.get(parent)?.isDirectory() !== true)) continue
    entries.push({ path: posix.join(parent, `.wh.${posix.basename(path)}`), node: madeFile(Buffer.alloc(0)) })
  }
  return entries.toSorted((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)))
}

/** Quarkus, for one, copies every jar over itself: what ends up as it was is no change, whatever its times say. */
function isSame(node: Node, original: Node | undefined): boolean {
  if (node.type !== 'file' || original?.type !== 'file') return false
  const owned = node.mode === original.mode && node.uid === original.uid && node.gid === original.gid
  return owned && sameContent(node.content, original.content)
}

function sameOwner(a: BigIntStats, b: BigIntStats): boolean {
  return a.mode === b.mode && a.uid === b.uid && a.gid === b.gid
}

/** Undefined for sockets and pipes, which mean nothing without the process that made them. */
function nodeOf(file: string, stats: BigIntStats, linked: Map<bigint, RegularFile>): Node | undefined {
  const owned = { mode: Number(stats.mode & 0o7777n), uid: Number(stats.uid), gid: Number(stats.gid), mtime: MADE_AT }
  if (stats.isDirectory()) return { type: 'directory', ...owned }
  if (stats.isSymbolicLink()) return { type: 'symlink', target: readlinkSync(file), ...owned, mode: 0o777 }
  if (!stats.isFile()) return undefined
  const known = linked.get(stats.ino)
  if (known !== undefined) return known
  const made: RegularFile = { type: 'file', content: { file, offset: 0, size: Number(stats.size) }, ...owned }
  if (stats.nlink > 1n) linked.set(stats.ino, made)
  return made
}
