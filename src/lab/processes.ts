import { readFileSync, readdirSync, readlinkSync, statSync, statfsSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

/** A process that cannot be confused with a later one of the same number: number, start in clock ticks, boot. */
export interface Identity {
  readonly pid: number
  readonly started: string
  readonly boot: string
}

const GONE_WITHIN_MS = 10_000

/** statfs(2) type of the file system that namespaces live in (linux/magic.h). */
const NSFS_MAGIC = 0x6e736673

export function ownIdentity(): Identity {
  return { pid: process.pid, started: startOf(process.pid) ?? '', boot: bootId() }
}

export function isAlive({ pid, started, boot }: Identity): boolean {
  return boot === bootId() && startOf(pid) === started
}

/** Numbers of all processes with exactly this word among their arguments. */
export function withArgument(word: string): number[] {
  return everyProcess().filter((pid) => read(`/proc/${pid}/cmdline`)?.split('\0').includes(word))
}

/** Numbers of all processes in the network namespace that is bound to `file`. */
export function inNetwork(file: string): number[] {
  // Before a namespace is bound to it, the file is an ordinary one, whose number means nothing.
  if (attempt(() => statfsSync(file).type) !== NSFS_MAGIC) return []
  const wanted = attempt(() => statSync(file).ino)
  return everyProcess().filter((pid) => attempt(() => readlinkSync(`/proc/${pid}/ns/net`)) === `net:[${wanted}]`)
}

/** Whether the process is the first of a PID namespace other than ours: the init of a host. */
export function isInit(pid: number): boolean {
  return /^NSpid:\t\d+\t1$/m.test(read(`/proc/${pid}/status`) ?? '')
}

/** Kills what `find` returns, again until it returns nothing: a killed supervisor may just have started another. */
export async function killAll(find: () => number[]): Promise<void> {
  const deadline = performance.now() + GONE_WITHIN_MS
  for (let left = find(); left.length > 0 && performance.now() < deadline; left = find()) {
    for (const pid of left) attempt(() => process.kill(pid, 'SIGKILL'))
    await pause(20)
  }
}

function everyProcess(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
}

/** Field 22 of proc(5) stat; the name in field 2 may contain anything, so count from its closing bracket. */
function startOf(pid: number): string | undefined {
  const stat = read(`/proc/${pid}/stat`)
  if (stat === undefined) return undefined
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' ? undefined : fields[19]
}

function bootId(): string {
  return (read('/proc/sys/kernel/random/boot_id') ?? '').trim()
}

function read(file: string): string | undefined {
  return attempt(() => readFileSync(file, 'utf8'))
}

/** Processes end while they are being looked at; that is no error. */
function attempt<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}
