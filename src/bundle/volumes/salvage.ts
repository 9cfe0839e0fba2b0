import { mkdir, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fault } from '../codes.ts'
import { ioFault } from '../io.ts'
import { VOLUME, memberFolder } from './layout.ts'
import { extraOn, goneFrom, openVolume, signedListing, type OpenedVolume, type VolumeTrust } from './open.ts'
import { rebuildPacks } from './spare.ts'

const BLOCK = 1 << 16

export interface Salvaged {
  /** Files that are not there, and bytes that do not read and stand as zeros in the copy. */
  readonly gone: readonly string[]
  readonly unread: number
  /** Files that these bytes are of. */
  readonly damaged: readonly string[]
}

/** Copies a volume to a new folder around what does not read. The medium is only read. */
export async function salvage(volume: OpenedVolume, target: string): Promise<Salvaged> {
  const { medium } = volume
  const left = new Set(extraOn(volume))
  let unread = 0
  const damaged = new Set<string>()
  for (const [path, size] of medium.files) {
    if (left.has(path)) continue
    await mkdir(dirname(join(target, path)), { recursive: true })
    const file = await open(join(target, path), 'wx', 0o644).catch((error: unknown) => {
      throw ioFault(error, `writing to ${target}`)
    })
    const buffer = Buffer.alloc(BLOCK)
    try {
      for (let position = 0; position < size;) {
        const wanted = Math.min(BLOCK, size - position)
        let count = await medium.read(path, buffer.subarray(0, wanted), position).catch(() => -1)
        if (count === 0) break
        if (count < 0) {
          buffer.fill(0)
          count = wanted
          unread += wanted
          damaged.add(path)
        }
        await file.writeFile(buffer.subarray(0, count))
        position += count
      }
    } finally {
      await file.close()
    }
  }
  return { gone: (await goneFrom(volume)).map(({ path }) => path), unread, damaged: [...damaged] }
}

/**
 * Writes the content of a lost volume to a new folder, from its spare and all others that the spare stands in for. Each
 * pack is held against the listing that the lost volume's maker signed. The folder imports as the volume would.
 * @throws E_REPAIR_LOST when a volume of the group or the spare is missing or damaged
 */
export async function rebuild(lost: number, paths: readonly string[], target: string, trust: VolumeTrust): Promise<void> {
  const volumes: OpenedVolume[] = []
  try {
    for (const path of paths) volumes.push(await openVolume(path, trust))
    const spare = volumes.find(({ listing }) => listing.covers.includes(lost))
    if (!spare) throw fault('E_REPAIR_LOST', `no spare that stands in for volume ${lost} was given`)
    const set = spare.listing.contents.sha512
    const others = spare.listing.covers.filter((one) => one !== lost)
    const members = others.map((one) => volumes.find(({ listing }) => listing.volume === one && listing.contents.sha512 === set))
    const absent = others.filter((_, index) => members[index] === undefined)
    if (absent.length > 0) throw fault('E_REPAIR_LOST', `volume ${lost} is rebuilt from all others of its group`, { expected: `volume ${others.join(', ')} and the spare ${spare.listing.volume}`, found: `not volume ${absent.join(', ')}` })
    const folder = memberFolder(lost)
    const { listing } = await signedListing(spare.medium, `${folder}/`, trust)
    await mkdir(target, { recursive: true })
    const whole = [...members, spare].filter((one) => one !== undefined)
    const packs = await rebuildPacks(target, listing.packs, whole.map((one) => ({ medium: one.medium, packs: one.listing.packs }))).catch((error: unknown) => {
      throw fault('E_REPAIR_LOST', `volume ${lost} could not be rebuilt: another volume does not read`, { found: (error as Error).message, cause: error, next: 'Repair that volume first: sallyport repair VOLUME -o FOLDER, and give the folder instead.' })
    })
    const wrong = packs.filter((pack, index) => pack.sha512 !== listing.packs[index]?.sha512)
    if (wrong.length > 0) {
      throw fault('E_REPAIR_LOST', `volume ${lost} was rebuilt with other bytes than it had: another volume is damaged`, {
        faults: wrong.map(({ path }) => path),
        next: 'sallyport verify each of the others; repair the one that is damaged, and give its folder instead.',
      })
    }
    for (const path of spare.medium.files.keys()) {
      const to = path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : path === VOLUME.contents || path.startsWith(`${VOLUME.head}/`) ? path : undefined
      if (to === undefined) continue
      const bytes = Buffer.alloc(spare.medium.files.get(path) ?? 0)
      await spare.medium.read(path, bytes, 0)
      await mkdir(dirname(join(target, to)), { recursive: true })
      const file = await open(join(target, to), 'wx', 0o644)
      await file.writeFile(bytes).finally(() => file.close())
    }
  } finally {
    for (const { medium } of volumes) await medium.close()
  }
}
