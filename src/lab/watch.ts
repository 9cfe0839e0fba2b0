import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { fault } from './codes.ts'
import { paths } from './layout.ts'
import { logReader, type Logged } from './nflog.ts'
import { program } from './program.ts'
import { requirePrograms } from './requirements.ts'
import type { Lab } from './state.ts'

/** Something on a host that reached for a place outside the lab, and was refused. */
export interface Reach extends Logged {
  readonly host: string
  /** When this machine saw it, milliseconds since 1970. */
  readonly at: number
}

export interface Watch {
  /** What reached out since the last call, in the order it was seen. Throws E_LAB_CAPTURE when the rules that see it are gone. */
  since(): Promise<readonly Reach[]>
  /** Ends the watching; the hosts keep their rules until they are gone. */
  stop(): Promise<void>
}

const GROUP = 53
const TABLE = 'sallyport_lab_watch'
const SNAP_BYTES = 512
/** Benchmarking addresses (RFC 2544) and a unique local one (RFC 4193): a source for what has nowhere to go. */
const SOURCES = ['198.18.0.1/32', 'fd53:616c:6c79::1/128']
/** The log hands over each packet at once; a loaded machine takes its time to read it. */
const SETTLE_MS = 700
const START_LIMIT_MS = 10_000

/**
 * Gives each host of a lab a default route to nowhere, where its own kernel logs every packet and answers it with a
 * refusal. Without a route a connection ends before it is a packet, and nobody sees whom it was for. A question to a
 * name server of the host's own (there is none) is logged too: most of what reaches out begins with a name.
 */
export async function labWatch(lab: Lab): Promise<Watch> {
  requirePrograms('tcpdump')
  const seen: Reach[] = []
  const recorders: { readonly host: string; readonly tcpdump: ChildProcess; readonly ended: Promise<unknown> }[] = []
  const stop = async (): Promise<void> => {
    for (const { tcpdump } of recorders) tcpdump.kill('SIGINT')
    await Promise.all(recorders.map(({ ended }) => ended))
  }
  try {
    for (const { name: host } of lab.hosts) {
      const network = paths.network(lab.name, host)
      await program('nsenter', [`--net=${network}`, 'sh', '-ec', ROUTE])
      await program('nsenter', [`--net=${network}`, 'nft', '-f', '-'], { input: RULES })
      recorders.push({ host, ...(await record(network, (one) => seen.push({ host, at: Date.now(), ...one }))) })
    }
  } catch (error) {
    await stop()
    throw error
  }
  return {
    async since() {
      await pause(SETTLE_MS)
      for (const { host, tcpdump } of recorders) {
        if (tcpdump.exitCode !== null) throw fault('E_LAB_CAPTURE', `the record of ${host} ended early`)
        await program('nsenter', [`--net=${paths.network(lab.name, host)}`, 'nft', 'list', 'table', 'inet', TABLE]).catch((cause: unknown) => {
          throw fault('E_LAB_CAPTURE', `${host} has lost the rules that see what reaches out`, { cause })
        })
      }
      return seen.splice(0)
    },
    stop,
  }
}

const ROUTE = `ip link add away type bridge
ip link set away addrgenmode none
${SOURCES.map((source) => `ip address add ${source} dev away${source.includes(':') ? ' nodad' : ''}`).join('\n')}
ip link set away up
ip route add default dev away
ip -6 route add default dev away
`

/** Listener reports to the link are what every network stack sends (RFC 3376, RFC 3810). */
const RULES = `table inet ${TABLE} {
  chain refuse {
    ip daddr 224.0.0.0/24 drop
    ip6 daddr ff02::/16 drop
    log group ${GROUP} snaplen ${SNAP_BYTES} queue-threshold 1
    meta l4proto tcp reject with tcp reset
    reject with icmpx type admin-prohibited
  }
  chain output {
    type filter hook output priority -300; policy accept;
    oifname "away" jump refuse
    oifname "lo" udp dport 53 log group ${GROUP} snaplen ${SNAP_BYTES} queue-threshold 1
  }
  chain forward {
    type filter hook forward priority -300; policy accept;
    oifname "away" jump refuse
  }
}
`

async function record(network: string, take: (one: Logged) => void): Promise<{ tcpdump: ChildProcess; ended: Promise<unknown> }> {
  const words = ['-i', `nflog:${GROUP}`, '-n', '-Z', 'root', '-s', '0', '--immediate-mode', '-U', '-w', '-']
  // Detached: an interrupt from the keyboard must not end the recording before `stop` does.
  const tcpdump = spawn('nsenter', [`--net=${network}`, 'tcpdump', ...words], { detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(tcpdump, 'exit')
  const read = logReader()
  tcpdump.stdout.on('data', (chunk: Buffer) => read(chunk).forEach(take))
  let said = ''
  const listening = new Promise<boolean>((resolve) => {
    tcpdump.stderr.on('data', (chunk: Buffer) => {
      said = `${said}${chunk.toString()}`.slice(-2000)
      if (said.includes('listening on')) resolve(true)
    })
    void ended.then(
      () => resolve(false),
      () => resolve(false),
    )
  })
  const limit = new AbortController()
  const started = await Promise.race([listening, pause(START_LIMIT_MS, false, { signal: limit.signal }).catch(() => false)])
  limit.abort()
  if (!started) {
    tcpdump.kill('SIGKILL')
    throw fault('E_LAB_CAPTURE', 'tcpdump did not start', { found: said })
  }
  return { tcpdump, ended }
}
