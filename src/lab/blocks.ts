import { fault } from './codes.ts'

/** The networks set aside for documentation (RFC 5737): never routed, so a lab hides nothing real. */
const NETWORKS = ['192.0.2', '198.51.100', '203.0.113'] as const
const BLOCKS_PER_NETWORK = 16

/** Hosts a block of 16 addresses has room for, after network, broadcast and this machine's own end. */
export const MAX_HOSTS = 13
export const PREFIX = 28

/** `addressOf(17, 2)` → `198.51.100.18`; member 1 is this machine's end, hosts start at 2. */
export function addressOf(block: number, member: number): string {
  const network = NETWORKS[Math.floor(block / BLOCKS_PER_NETWORK)]
  return `${network}.${(block % BLOCKS_PER_NETWORK) * 16 + member}`
}

/** Whether an IPv4 address or prefix (`192.0.2.0/24`) overlaps the block. */
export function overlaps(block: number, prefix: string): boolean {
  const [address = '', length = '32'] = prefix.split('/')
  const shift = 32 - Math.min(Number(length), PREFIX)
  return shift < 32 && number(address) >>> shift === number(addressOf(block, 0)) >>> shift
}

/**
 * The first block that overlaps nothing in `taken`, IPv4 addresses and prefixes in use on this machine. A default route
 * (`/0`) takes nothing. Throws E_LAB_FULL.
 */
export function freeBlock(blocks: readonly number[], taken: readonly string[]): number {
  for (let block = 0; block < NETWORKS.length * BLOCKS_PER_NETWORK; block += 1)
    if (!blocks.includes(block) && !taken.some((prefix) => overlaps(block, prefix))) return block
  throw fault('E_LAB_FULL', 'every address block of the lab networks is in use', {
    found: `${blocks.length} lab(s), ${taken.length} address(es) and route(s) of this machine`,
  })
}

function number(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0) >>> 0
}
