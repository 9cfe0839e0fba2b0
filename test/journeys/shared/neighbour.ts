import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Lab } from '../../../src/lab/lab.ts'

/** An address in a lab's block of sixteen that no host of it has: 13 the directory's, 14 the receivers'. */
type Place = 13 | 14

/** Something else on the enclave's network, which its hosts can reach: an address with a network namespace of its own. */
export interface Neighbour {
  readonly address: string
  /** File that names the namespace, for `nsenter --net=`. */
  readonly network: string
  /** Starts a program in a container over `root`; it ends with the test, even a killed one. */
  contained(root: string, words: readonly string[], standardError?: 'inherit' | 'ignore'): ChildProcess
  leave(): void
}

const READY_MS = 60_000

/** Needs root, as the lab does. */
export async function neighbour({ bridge, hosts }: Lab, folder: string, place: Place): Promise<Neighbour> {
  const parts = (hosts[0]?.address ?? '').split('.').map(Number)
  const address = [...parts.slice(0, 3), ((parts[3] ?? 0) & ~15) + place].join('.')
  const network = join(folder, 'network')
  const port = `${bridge}h${85 + place}`
  if (existsSync(`/sys/class/net/${port}`)) execFileSync('ip', ['link', 'delete', port])
  await writeFile(network, '')
  execFileSync('unshare', [`--net=${network}`, 'true'])
  execFileSync('ip', ['link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', network])
  execFileSync('ip', ['link', 'set', port, 'addrgenmode', 'none'])
  execFileSync('ip', ['link', 'set', port, 'master', bridge, 'up'])
  for (const words of [['address', 'add', `${address}/28`, 'dev', 'eth0'], ['link', 'set', 'lo', 'up'], ['link', 'set', 'eth0', 'up']])
    execFileSync('nsenter', [`--net=${network}`, 'ip', ...words])
  return {
    address,
    network,
    contained(root, words, standardError = 'ignore') {
      const container = ['--quiet', `--directory=${root}`, '--keep-unit', '--register=no', '--resolv-conf=off', '--timezone=off']
      const program = ['systemd-nspawn', ...container, `--network-namespace-path=${network}`, ...words]
      return spawn('setpriv', ['--pdeathsig', 'TERM', ...program], { stdio: ['ignore', 'ignore', standardError] })
    },
    leave() {
      if (existsSync(`/sys/class/net/${port}`)) execFileSync('ip', ['link', 'delete', port])
      execFileSync('umount', ['--lazy', network])
    },
  }
}

/** Ends when all of them have. */
export async function ended(children: readonly ChildProcess[]): Promise<void> {
  for (const child of children) child.kill('SIGTERM')
  const running = children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)
  await Promise.all(running.map((child) => new Promise((done) => child.once('exit', done))))
}

/** Waits until something holds that fails or is not so at first. */
export async function until(met: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + READY_MS
  for (;;) {
    let cause: unknown
    try {
      if (met()) return
    } catch (error) {
      cause = error
    }
    if (performance.now() > deadline) throw new Error(`${what}: not within ${READY_MS / 1000} s`, { cause })
    await pause(500)
  }
}
