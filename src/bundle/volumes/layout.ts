/**
 * Names on a volume, the only place that knows them. All are ASCII and good on any desk.
 *
 *     VOLUME-2/
 *       README.TXT                     what this is and how to check it
 *       volume.json                    the listing: its exact bytes are signed
 *       signatures/<keyId>.*.sig       detached, as in a bundle
 *       SHA512SUMS                     every file but itself, volume.json and signature files
 *       contents.json                  what the whole set holds, the same on every volume
 *       bundle/                        bundle.json, signatures/, SHA512SUMS and the list of blobs of the bundle
 *       PACK0001.BIN …                 segments of the content, or on a spare volume the XOR of other volumes
 *       parity.par2 …  repair/         parity of this volume, and the program that repairs with it
 *       members/V01/                   on a spare volume: listing and signatures of the volumes it stands in for
 */
export const VOLUME = {
  readme: 'README.TXT',
  listing: 'volume.json',
  signatures: 'signatures',
  sums: 'SHA512SUMS',
  contents: 'contents.json',
  head: 'bundle',
  repair: 'repair',
  parity: 'parity',
  members: 'members',
} as const

export function packName(number: number): string {
  return `PACK${String(number).padStart(4, '0')}.BIN`
}

export function memberFolder(volume: number): string {
  return `${VOLUME.members}/V${String(volume).padStart(2, '0')}`
}

/** True for what no list names because it is a signature, or what the signature is over. */
export function isUnlistedOnVolume(path: string): boolean {
  return path === VOLUME.listing || path === VOLUME.sums || /(?:^|\/)signatures\/[0-9a-f]{16}\.(?:mldsa87|p384)\.sig$/.test(path)
}

/** Bounds of what a reader takes into memory, in bytes unless named otherwise. */
export const VOLUME_LIMITS = {
  listing: 16 << 20,
  contents: 64 << 20,
  /** Bytes of content in one segment. */
  segment: 4 << 20,
  /** A pack is no larger, so that FAT and every ISO 9660 reader take it. */
  pack: 1_000_000_000,
  volumes: 99,
  /** Volumes that one spare stands in for. */
  group: 15,
} as const
