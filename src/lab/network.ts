import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { PREFIX, addressOf } from './blocks.ts'
import { paths } from './layout.ts'
import { program } from './program.ts'

/** Interface names have at most 15 characters, so they carry the block's number rather than the lab's name. */
export const bridgeOf = (block: number): string => `slp${block}`
const portOf = (block: number, member: number): string => `slp${block}h${member}`
const tableOf = (block: number): string => `sallyport_lab_${block}`

/** IPv4 addresses and prefixes that interfaces and routes of this machine already use. */
export async function prefixesInUse(): Promise<string[]> {
  const routes = JSON.parse(await program('ip', ['-4', '-json', 'route', 'show', 'table', 'all'])) as { dst: string }[]
  const links = JSON.parse(await program('ip', ['-4', '-json', 'address', 'show'])) as {
    addr_info?: { local: string; prefixlen: number }[]
  }[]
  const addresses = links.flatMap((link) => link.addr_info ?? []).map(({ local, prefixlen }) => `${local}/${prefixlen}`)
  return [...addresses, ...routes.map(({ dst }) => dst)].filter((prefix) => /^[\d.]+(\/\d+)?$/.test(prefix))
}

/** A bridge that carries frames between the hosts and this machine, and nothing from or to anywhere else. */
export async function makeBridge(block: number): Promise<void> {
  const bridge = bridgeOf(block)
  await program('nft', ['-f', '-'], { input: rules(block) })
  await program('ip', ['link', 'add', bridge, 'type', 'bridge', 'stp_state', '0', 'forward_delay', '0'])
  // This machine stays silent on the bridge unless spoken to: no link-local IPv6 address of its own.
  await program('ip', ['link', 'set', bridge, 'addrgenmode', 'none'])
  await program('ip', ['address', 'add', `${addressOf(block, 1)}/${PREFIX}`, 'dev', bridge])
  await program('ip', ['link', 'set', bridge, 'up'])
}

/**
 * A network namespace with one interface on the bridge, an address and no default route. It outlives the host's
 * processes, so that a reboot finds it as it was.
 */
export async function makeHostNetwork(lab: string, host: string, block: number, member: number): Promise<void> {
  const file = paths.network(lab, host)
  const port = portOf(block, member)
  await program('touch', [file])
  await program('unshare', [`--net=${file}`, 'true'])
  const link = ['link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', file]
  await program('ip', link)
  await program('ip', ['link', 'set', port, 'addrgenmode', 'none'])
  await program('ip', ['link', 'set', port, 'master', bridgeOf(block), 'up'])
  const inside = (...args: string[]): Promise<string> => program('nsenter', [`--net=${file}`, 'ip', ...args])
  await inside('address', 'add', `${addressOf(block, member)}/${PREFIX}`, 'dev', 'eth0')
  await inside('link', 'set', 'lo', 'up')
  await inside('link', 'set', 'eth0', 'up')
}

/** Removes a host's network, or what else is mounted at a path, and the path; the host's processes must be gone. */
export async function removeMount(path: string): Promise<void> {
  if (existsSync(path)) await quietly('umount', ['--lazy', path])
  await rm(path, { recursive: true, force: true })
}

/** Removes whatever is there of a lab's bridge, its ports and its rules. */
export async function removeBridge(block: number): Promise<void> {
  const port = new RegExp(`^${portOf(block, 0).slice(0, -1)}\\d+$`)
  for (const name of (await links()).filter((link) => port.test(link))) await quietly('ip', ['link', 'delete', name])
  await quietly('ip', ['link', 'delete', bridgeOf(block)])
  await quietly('nft', ['delete', 'table', 'inet', tableOf(block)])
}

/** Blocks that have a bridge on this machine, whether or not a lab knows of it. */
export async function strayBlocks(): Promise<number[]> {
  return (await links()).flatMap((link) => /^slp(\d+)$/.exec(link)?.[1] ?? []).map(Number)
}

async function links(): Promise<string[]> {
  return (JSON.parse(await program('ip', ['-json', 'link', 'show'])) as { ifname: string }[]).map((link) => link.ifname)
}

/**
 * This machine may open connections to the hosts; the hosts may open none to it, and nothing is forwarded from or to
 * the bridge, whatever the machine's own forwarding is set to. Frames between two hosts of the lab stay on the bridge.
 */
function rules(block: number): string {
  const bridge = bridgeOf(block)
  const table = tableOf(block)
  return `table inet ${table}
delete table inet ${table}
table inet ${table} {
  chain input {
    type filter hook input priority -10; policy accept;
    iifname "${bridge}" ct state established,related accept
    iifname "${bridge}" drop
  }
  chain forward {
    type filter hook forward priority -10; policy accept;
    iifname "${bridge}" oifname != "${bridge}" drop
    iifname != "${bridge}" oifname "${bridge}" drop
  }
}
`
}

/** For removal only: what is not there needs no removing. */
async function quietly(name: string, args: readonly string[]): Promise<void> {
  try {
    await program(name, args)
  } catch {
    return
  }
}
