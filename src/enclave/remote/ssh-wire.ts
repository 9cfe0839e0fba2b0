/** Data types of the SSH protocol (RFC 4251 section 5), as far as keys and certificates need them. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

export function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}

export function string(value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value as Uint8Array)
  return Buffer.concat([uint32(bytes.length), bytes])
}

/** A positive integer, big-endian, without leading zeros but one where the highest bit is set. */
export function mpint(value: Uint8Array): Buffer {
  let start = 0
  while (start < value.length && value[start] === 0) start += 1
  const bytes = value.subarray(start)
  return string((bytes[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes)
}

/** Reads the strings that follow one another; throws RangeError where the bytes end before a string does. */
export function strings(bytes: Buffer): Buffer[] {
  const found: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at)
    if (at + 4 + length > bytes.length) throw new RangeError('a string ends beyond its bytes')
    found.push(bytes.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  return found
}
