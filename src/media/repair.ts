import { chmod, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fault as bundleFault } from '../bundle/codes.ts'
import { sha512 } from '../bundle/digest.ts'
import { hashFiles } from '../bundle/hash-pool.ts'
import { VOLUME } from '../bundle/volumes/layout.ts'
import { openVolume, type OpenedVolume, type VolumeTrust } from '../bundle/volumes/open.ts'
import { salvage, type Salvaged } from '../bundle/volumes/salvage.ts'
import { loaderOf, repairCommand } from './parity.ts'
import { ended, findProgram } from './program.ts'

export interface Repaired extends Salvaged {
  readonly volume: number
  /** The volume's own copy of the program repaired it; otherwise that of this machine. */
  readonly own: boolean
}

/**
 * Copies a damaged volume to a new folder and repairs it there with the program that came on it, which runs only when
 * its bytes are those that were signed; otherwise with the one of this machine.
 * @throws those of `openVolume`; E_REPAIR_LOST when its packs are still not right; the folder is then removed
 */
export async function repairVolume(path: string, target: string, trust: VolumeTrust, signal?: AbortSignal): Promise<Repaired> {
  const volume = await openVolume(path, trust)
  try {
    const salvaged = await salvage(volume, target)
    const own = await ownProgram(volume, target)
    const [program = '', ...first] = own ?? [await findProgram('par2')]
    const { text } = await ended(program, [...first, 'repair', '-q', '-q', `${VOLUME.parity}.par2`], { cwd: target, signal })
    const wrong = await notRight(volume, target)
    if (wrong.length > 0) {
      throw bundleFault('E_REPAIR_LOST', `volume ${volume.listing.volume} cannot be repaired from its own parity`, { faults: wrong, found: text.trim().split('\n').at(-1) ?? '' })
    }
    return { ...salvaged, volume: volume.listing.volume, own: own !== undefined }
  } catch (error) {
    await rm(target, { recursive: true, force: true })
    throw error
  } finally {
    await volume.medium.close()
  }
}

async function ownProgram({ listing }: OpenedVolume, folder: string): Promise<readonly string[] | undefined> {
  const files = listing.files.filter(({ path }) => path.startsWith(`${VOLUME.repair}/`))
  const loader = loaderOf(files.map(({ path }) => path.slice(VOLUME.repair.length + 1)))
  if (loader === undefined) return undefined
  for (const { path, sha512: digest } of files) {
    const bytes = await readFile(join(folder, path)).catch(() => undefined)
    if (!bytes || sha512(bytes) !== digest) return undefined
  }
  await chmod(join(folder, VOLUME.repair, loader), 0o755)
  return repairCommand(join(folder, VOLUME.repair), loader)
}

/** Packs and contents.json that do not have their digest: what parity covers, and all that import needs. */
async function notRight({ listing }: OpenedVolume, folder: string): Promise<string[]> {
  const wanted = [...listing.packs, ...listing.files.filter(({ path }) => path === VOLUME.contents)]
  const jobs = wanted.map((entry) => ({ entry, path: join(folder, entry.path), size: entry.size }))
  const wrong: string[] = []
  await hashFiles(jobs, {}, ({ job: { entry }, result }) => {
    if (result.sha512 !== entry.sha512) wrong.push(`${entry.path} ${result.error ? 'is missing' : 'is not what was packed'}`)
  })
  return wrong.toSorted()
}
