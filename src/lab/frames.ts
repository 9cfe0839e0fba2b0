import { createReadStream } from 'node:fs'
import { overlaps } from './blocks.ts'

/**
 * `inside`: between addresses of the lab's block. `noise`: what a network stack says to its own link and no router may
 * pass on. `elsewhere`: anything for any other place, also a question for the hardware address of such a place.
 */
export interface Classified {
  readonly kind: 'inside' | 'noise' | 'elsewhere'
  /** `ICMPv6 to ff02::2`, `TCP 192.0.2.2 → 203.0.113.9`, `ARP for 192.0.2.3`. */
  readonly what: string
}

const ETHERNET = 1
const MAGIC_MICROSECONDS = 0xa1b2c3d4
const MAGIC_NANOSECONDS = 0xa1b23c4d
const PROTOCOLS: Readonly<Record<number, string>> = { 1: 'ICMP', 2: 'IGMP', 6: 'TCP', 17: 'UDP', 58: 'ICMPv6' }

/** Frames of a pcap file as tcpdump -w writes it, in constant memory. A last record cut short is left out. */
export async function* frames(file: string): AsyncGenerator<Buffer> {
  let rest = Buffer.alloc(0)
  let begun = false
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) {
    rest = Buffer.concat([rest, chunk as Buffer])
    if (!begun) {
      if (rest.length < 24) continue
      const magic = rest.readUInt32LE(0)
      if ((magic !== MAGIC_MICROSECONDS && magic !== MAGIC_NANOSECONDS) || rest.readUInt32LE(20) !== ETHERNET)
        throw new Error(`${file} is not a capture of Ethernet frames`)
      rest = rest.subarray(24)
      begun = true
    }
    let at = 0
    while (rest.length - at >= 16 && rest.length - at - 16 >= rest.readUInt32LE(at + 8)) {
      const length = rest.readUInt32LE(at + 8)
      yield rest.subarray(at + 16, at + 16 + length)
      at += 16 + length
    }
    rest = rest.subarray(at)
  }
}

/** Says what an Ethernet frame is for a lab with this address block. Looks at headers only. */
export function classify(frame: Buffer, block: number): Classified {
  const type = frame.length >= 14 ? frame.readUInt16BE(12) : 0
  if (type === 0x0806 && frame.length >= 42) return arp(frame, block)
  if (type === 0x0800 && frame.length >= 34) return ipv4(frame, block)
  if (type === 0x86dd && frame.length >= 54) return ipv6(frame)
  // IEEE 802.1D, 7.12.6: bridges never forward frames to these addresses.
  const toLink = frame.subarray(0, 5).equals(Buffer.from('0180c20000', 'hex'))
  return { kind: toLink ? 'noise' : 'elsewhere', what: `Ethernet type 0x${type.toString(16).padStart(4, '0')}` }
}

function arp(frame: Buffer, block: number): Classified {
  const asked = dotted(frame, 38)
  return { kind: overlaps(block, asked) ? 'noise' : 'elsewhere', what: `ARP for ${asked}` }
}

function ipv4(frame: Buffer, block: number): Classified {
  const [from, to] = [dotted(frame, 26), dotted(frame, 30)]
  const protocol = protocolName(frame[23])
  if (overlaps(block, from) && overlaps(block, to)) return { kind: 'inside', what: `${protocol} inside the lab` }
  // RFC 5771, 4: 224.0.0.0/24 is never forwarded.
  if (to.startsWith('224.0.0.')) return { kind: 'noise', what: `${protocol} to ${to}` }
  return { kind: 'elsewhere', what: `${protocol} ${from} → ${to}` }
}

function ipv6(frame: Buffer): Classified {
  const [from, to] = [colons(frame, 22), colons(frame, 38)]
  // A hop-by-hop header of 8 bytes precedes multicast listener reports (RFC 3810, 5).
  const protocol = protocolName(frame[20] === 0 ? frame[54] : frame[20])
  // RFC 4291, 2.5.6 and 2.7: fe80::/10 and scope 2 never leave the link; :: is the source before there is an address.
  const fromLink = from === '::' || isLinkLocal(frame, 22)
  const multicast = frame[38] === 0xff && (frame[39] ?? 0) % 16 === 2
  if (fromLink && multicast) return { kind: 'noise', what: `${protocol} to ${to}` }
  if (fromLink && isLinkLocal(frame, 38)) return { kind: 'noise', what: `${protocol} between link-local addresses` }
  return { kind: 'elsewhere', what: `${protocol} ${from} → ${to}` }
}

function isLinkLocal(frame: Buffer, at: number): boolean {
  return frame[at] === 0xfe && ((frame[at + 1] ?? 0) & 0xc0) === 0x80
}

function protocolName(number: number | undefined): string {
  return PROTOCOLS[number ?? -1] ?? `protocol ${number ?? 'unknown'}`
}

function dotted(frame: Buffer, at: number): string {
  return [...frame.subarray(at, at + 4)].join('.')
}

/** RFC 5952 in the one form that is needed here: the longest run of zero groups as `::`. */
function colons(frame: Buffer, at: number): string {
  const groups = Array.from({ length: 8 }, (_, index) => frame.readUInt16BE(at + 2 * index).toString(16))
  const text = `:${groups.join(':')}:`
  const runs = [...text.matchAll(/:(?:0:){2,}/g)].map(([run]) => run)
  const longest = runs.toSorted((a, b) => b.length - a.length)[0]
  return longest === undefined ? groups.join(':') : text.replace(longest, '::').replace(/^:(?!:)|(?<!:):$/g, '')
}
