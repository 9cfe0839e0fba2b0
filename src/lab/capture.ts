import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { fault } from './codes.ts'
import { classify, frames } from './frames.ts'
import { paths } from './layout.ts'
import { program } from './program.ts'
import { requirePrograms } from './requirements.ts'
import type { Lab } from './state.ts'

/** Enough of each frame for its headers. */
const SNAP_BYTES = 128
const BUFFER_KIB = 65_536
const HANDED_OVER_MS = 1_200

export interface Packets {
  /** The recording, a pcap file; it goes with the lab. */
  readonly file: string
  readonly total: number
  /** Between addresses of the lab. */
  readonly inside: number
  /** What network stacks say to their own link, by kind. */
  readonly noise: Readonly<Record<string, number>>
  /** For any other place, by kind: empty for hosts that reach for nothing. */
  readonly elsewhere: Readonly<Record<string, number>>
  /**
   * Datagrams and connections that each host's own kernel refused for want of a route; they never become packets, so
   * a recording cannot show them.
   */
  readonly refusedInHost: Readonly<Record<string, number>>
}

export interface Capture {
  /** Ends the recording and says what was in it. Throws E_LAB_CAPTURE when packets were missed. */
  stop(): Promise<Packets>
}

let made = 0

/** Records every frame on the lab's bridge, also those between two hosts. Throws E_LAB_CAPTURE, E_LAB_MACHINE. */
export async function labCapture(lab: Lab): Promise<Capture> {
  requirePrograms('tcpdump')
  const file = join(paths.lab(lab.name), `capture-${process.pid}-${(made += 1)}.pcap`)
  const before = await refusals(lab)
  const args = ['-i', lab.bridge, '-n', '-Z', 'root', '-s', String(SNAP_BYTES), '-B', String(BUFFER_KIB), '-w', file]
  // Detached: an interrupt from the keyboard must not end the recording before `stop` does.
  const tcpdump = spawn('tcpdump', args, { detached: true, stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = once(tcpdump, 'exit')
  const said: string[] = []
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: tcpdump.stderr }).on('line', (line) => {
      said.push(line)
      if (line.includes('listening on')) resolve()
    })
    void ended.then(() => reject(fault('E_LAB_CAPTURE', 'tcpdump did not start', { found: said.join('\n') })), reject)
  })
  return {
    async stop() {
      // The kernel hands packets over once a second; the last second's would be lost.
      await pause(HANDED_OVER_MS)
      tcpdump.kill('SIGINT')
      await ended
      const dropped = said.find((line) => /^\d+ packets? dropped by kernel/.test(line))
      if (dropped === undefined || !dropped.startsWith('0 '))
        throw fault('E_LAB_CAPTURE', `the recording on ${lab.bridge} is not complete`, { found: said.join('\n') })
      return await summary(lab, file, before)
    },
  }
}

async function summary(lab: Lab, file: string, before: Record<string, number>): Promise<Packets> {
  const noise: Record<string, number> = {}
  const elsewhere: Record<string, number> = {}
  let [total, inside] = [0, 0]
  for await (const frame of frames(file)) {
    const { kind, what } = classify(frame, lab.block)
    total += 1
    if (kind === 'inside') inside += 1
    else {
      const counts = kind === 'noise' ? noise : elsewhere
      counts[what] = (counts[what] ?? 0) + 1
    }
  }
  const after = await refusals(lab)
  const refusedInHost = Object.fromEntries(Object.entries(after).map(([host, count]) => [host, count - (before[host] ?? 0)]))
  return { file, total, inside, noise, elsewhere, refusedInHost }
}

/** The kernel's count of what had no route, IPv4 and IPv6, for each host (RFC 4293 ipSystemStatsOutNoRoutes). */
async function refusals(lab: Lab): Promise<Record<string, number>> {
  const counts = lab.hosts.map(async ({ name }) => {
    const files = ['/proc/net/snmp', '/proc/net/snmp6']
    const text = await program('nsenter', [`--net=${paths.network(lab.name, name)}`, 'cat', ...files])
    return [name, noRoutes(text)] as const
  })
  return Object.fromEntries(await Promise.all(counts))
}

/** Adds up OutNoRoutes of /proc/net/snmp (a line of names, a line of numbers) and of snmp6 (name and number). */
export function noRoutes(text: string): number {
  const [names = '', numbers = ''] = text.split('\n').filter((line) => line.startsWith('Ip: '))
  const four = numbers.split(' ')[names.split(' ').indexOf('OutNoRoutes')] ?? '0'
  const six = /^Ip6OutNoRoutes\s+(\d+)/m.exec(text)?.[1] ?? '0'
  return Number(four) + Number(six)
}
