import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { copyOne, asError } from '../copy.ts'
import { hashFiles } from '../hash-pool.ts'
import type { SigningKey } from '../keys.ts'
import { comparePaths } from '../path.ts'
import { signBytes, writeSignatures } from '../signature.ts'
import { serialise } from '../strict-json.ts'
import { serialiseSums } from '../sums.ts'
import { VOLUME, isUnlistedOnVolume } from './layout.ts'
import { parseListing, type Pack, type VolumeFile, type VolumeListing } from './listing.ts'
import { volumeReadme } from './readme.ts'

/** A file that is copied to a volume as it is. */
export interface Copied {
  /** On the volume. */
  readonly path: string
  readonly file: string
}

/** What lets a scratched volume be repaired: made here by a program outside of this folder, for this folder does without. */
export interface Protection {
  readonly percent: number
  /** The program that repairs and how to call it, for every volume. */
  readonly tool: readonly (Copied | { readonly path: string; readonly bytes: Uint8Array })[]
  /** Makes parity of `names` in `directory` and gives the names of the files that hold it. */
  create(directory: string, names: readonly string[]): Promise<readonly string[]>
}

export interface Finish {
  readonly directory: string
  readonly listing: Omit<VolumeListing, 'packs' | 'files'>
  readonly packs: readonly Pack[]
  readonly contents: Uint8Array
  readonly copied: readonly Copied[]
  readonly marking: string
  readonly bases: readonly string[]
  readonly protection: Protection | undefined
  readonly key: SigningKey
}

/** Puts everything but its packs on a volume and signs its listing. */
export async function finishVolume(finish: Finish): Promise<VolumeListing> {
  const { directory, listing, packs, contents, copied, protection } = finish
  const placed: string[] = []
  const place = async (path: string, write: (target: string) => Promise<unknown>) => {
    const target = join(directory, path)
    await mkdir(dirname(target), { recursive: true })
    await write(target)
    placed.push(path)
  }
  await place(VOLUME.contents, (target) => writeFile(target, contents, { flag: 'wx' }))
  for (const one of [...copied, ...(protection?.tool ?? [])]) {
    await place(one.path, async (target) => {
      if ('bytes' in one) await writeFile(target, one.bytes, { flag: 'wx' })
      else await copyOne(one.file, target, (await stat(one.file)).size, false)
    })
  }
  const protectedFiles = [...packs.map(({ path }) => path), VOLUME.contents]
  if (protection) placed.push(...(await protection.create(directory, protectedFiles)))
  const readme = volumeReadme({ ...listing, packs, files: placed.map((path) => ({ path, size: 0, sha512: '' })) }, finish.marking, finish.bases)
  await place(VOLUME.readme, (target) => writeFile(target, readme, { flag: 'wx' }))
  const files = await listed(directory, placed)
  const whole: VolumeListing = { ...listing, packs, files }
  const bytes = serialise(whole)
  parseListing(bytes)
  await writeFile(join(directory, VOLUME.listing), bytes, { flag: 'wx' })
  await writeFile(join(directory, VOLUME.sums), sumsOf(whole), { flag: 'wx' })
  await writeSignatures(directory, finish.key.keyId, signBytes(bytes, finish.key))
  return whole
}

/** SHA512SUMS of a volume: what its listing says, for `sha512sum -c`. */
export function sumsOf({ packs, files }: Pick<VolumeListing, 'packs' | 'files'>): Buffer {
  return serialiseSums(new Map([...packs, ...files].map(({ path, sha512 }) => [path, sha512])))
}

async function listed(directory: string, paths: readonly string[]): Promise<VolumeFile[]> {
  const jobs = []
  for (const path of paths.filter((one) => !isUnlistedOnVolume(one)))
    jobs.push({ name: path, path: join(directory, path), size: (await stat(join(directory, path))).size })
  const files: VolumeFile[] = []
  await hashFiles(jobs, {}, ({ job, result }) => {
    if (result.error) throw asError(result.error)
    files.push({ path: job.name, size: result.size, sha512: result.sha512 })
  })
  return files.sort((a, b) => comparePaths(a.path, b.path))
}

/** The head of a bundle that stands on every volume: what its trust and its listing follow from. */
export async function headOf(bundle: string, signatures: readonly string[], contentsBlob: string): Promise<Copied[]> {
  return ['bundle.json', 'SHA512SUMS', contentsBlob, ...signatures].map((path) => ({ path: `${VOLUME.head}/${path}`, file: join(bundle, path) }))
}

/** Listing and signatures of a finished volume, for the spare that stands in for it. */
export async function memberFiles(folder: string, directory: string, keyId: string): Promise<Copied[]> {
  await readFile(join(directory, VOLUME.listing))
  return [VOLUME.listing, `${VOLUME.signatures}/${keyId}.mldsa87.sig`, `${VOLUME.signatures}/${keyId}.p384.sig`].map((path) => ({
    path: `${folder}/${path}`,
    file: join(directory, path),
  }))
}
