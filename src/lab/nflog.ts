/** A packet as the kernel's log group hands it over, read from its headers. */
export interface Logged {
  /** `TCP`, `UDP`, `ICMP`… */
  readonly protocol: string
  readonly to: string
  /** Of TCP and UDP. */
  readonly port?: number
  /** The name a DNS question asks for. */
  readonly question?: string
  /** User id of the process that sent it, where the kernel knows: not for what a container's network passes on. */
  readonly uid?: number
}

const NFLOG = 239
const MAGIC_MICROSECONDS = 0xa1b2c3d4
/** nfnetlink_log attributes (linux/netfilter/nfnetlink_log.h). */
const PAYLOAD = 9
const UID = 11
const PROTOCOLS: Readonly<Record<number, string>> = { 1: 'ICMP', 2: 'IGMP', 6: 'TCP', 17: 'UDP', 58: 'ICMPv6' }
const TCP = 6
const UDP = 17
const HOP_BY_HOP = 0
const DNS_PORT = 53

/** Takes the bytes of a pcap stream (tcpdump -i nflog:N -w -) as they come, and answers each packet once it is whole. */
export function logReader(): (chunk: Buffer) => Logged[] {
  let rest: Buffer = Buffer.alloc(0)
  let begun = false
  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    if (!begun) {
      if (rest.length < 24) return []
      if (rest.readUInt32LE(0) !== MAGIC_MICROSECONDS || rest.readUInt32LE(20) !== NFLOG) throw new Error('not a recording of the netfilter log')
      rest = rest.subarray(24)
      begun = true
    }
    const found: Logged[] = []
    let at = 0
    while (rest.length - at >= 16 && rest.length - at - 16 >= rest.readUInt32LE(at + 8)) {
      const length = rest.readUInt32LE(at + 8)
      const one = logged(rest.subarray(at + 16, at + 16 + length))
      if (one !== undefined) found.push(one)
      at += 16 + length
    }
    rest = Buffer.from(rest.subarray(at))
    return found
  }
}

/** One record: four bytes of header, then attributes of length, type (both in this machine's order) and value, padded to four bytes. */
function logged(record: Buffer): Logged | undefined {
  let [payload, uid]: [Buffer | undefined, number | undefined] = [undefined, undefined]
  for (let at = 4; at + 4 <= record.length;) {
    const length = record.readUInt16LE(at)
    if (length < 4) break
    const value = record.subarray(at + 4, at + length)
    const type = record.readUInt16LE(at + 2)
    if (type === PAYLOAD) payload = value
    if (type === UID && value.length >= 4) uid = value.readUInt32BE(0)
    at += Math.ceil(length / 4) * 4
  }
  const packet = payload && headersOf(payload)
  return packet && { ...packet, ...(uid === undefined ? {} : { uid }) }
}

function headersOf(packet: Buffer): Logged | undefined {
  const version = (packet[0] ?? 0) >> 4
  if (version === 4 && packet.length >= 20) {
    const to = [...packet.subarray(16, 20)].join('.')
    return transport(packet[9] ?? 0, packet.subarray(((packet[0] ?? 0) & 15) * 4), to)
  }
  if (version === 6 && packet.length >= 40) {
    const groups = Array.from({ length: 8 }, (_, index) => packet.readUInt16BE(24 + 2 * index).toString(16))
    const to = new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
    const options = packet[6] === HOP_BY_HOP && packet.length >= 48
    return transport((options ? packet[40] : packet[6]) ?? 0, packet.subarray(options ? 48 : 40), to)
  }
  return undefined
}

function transport(number: number, segment: Buffer, to: string): Logged {
  const protocol = PROTOCOLS[number] ?? `protocol ${number}`
  if ((number !== TCP && number !== UDP) || segment.length < 4) return { protocol, to }
  const port = segment.readUInt16BE(2)
  const question = number === UDP && port === DNS_PORT ? questionOf(segment.subarray(8)) : undefined
  return { protocol, to, port, ...(question === undefined ? {} : { question }) }
}

/** The first name asked for (RFC 1035, 4.1.2); undefined when the message holds none. */
function questionOf(message: Buffer): string | undefined {
  const labels: string[] = []
  for (let at = 12; at < message.length;) {
    const length = message[at] ?? 0
    if (length === 0) return labels.length === 0 ? undefined : labels.join('.')
    if (length > 63 || at + 1 + length > message.length) return undefined
    labels.push(message.subarray(at + 1, at + 1 + length).toString('latin1').replaceAll(/[^\x21-\x7e]/g, '?'))
    at += 1 + length
  }
  return undefined
}
