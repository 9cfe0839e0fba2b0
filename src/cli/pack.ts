import { readdir, rm, stat } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { readPolicy } from '../bundle/policy-file.ts'
import { writeArchive } from '../bundle/volumes/archive.ts'
import { readBase, type Base } from '../bundle/volumes/base.ts'
import { INVENTORY_FILE, heldBySite, readInventory } from '../bundle/volumes/inventory.ts'
import type { CarriedBundle } from '../bundle/volumes/listing.ts'
import { parseMedia } from '../bundle/volumes/media.ts'
import { packVolumes, type PackedSet } from '../bundle/volumes/pack.ts'
import { imageLabel, writeImage } from '../media/image.ts'
import { par2Protection } from '../media/parity.ts'
import { fault } from './codes.ts'
import type { Command, Task } from './command.ts'
import { SECRETS, personKey } from './person-key.ts'
import { bytes } from './tasks.ts'

export const command: Command = {
  name: ['pack'],
  endsItself: true,
  summary: 'write a signed bundle as volumes for discs or sticks, with parity; or only what is new since a release',
  positionals: ['BUNDLE'],
  options: {
    media: { type: 'string', value: 'KIND', required: true, summary: 'dvd, dvd-dl, bd25, bd50, usb:SIZE (500M, 16G), or tar' },
    key: { type: 'string', value: 'DIR', required: true, summary: 'the key folder that signs the volumes' },
    output: { type: 'string', short: 'o', value: 'DIR', required: true, summary: 'folder of the set; must not exist yet' },
    parity: { type: 'string', value: 'PERCENT', summary: 'of each volume, against scratches (default 10%; 0% for none)' },
    spare: { type: 'string', value: 'NUMBER', summary: 'spare volumes, each stands in for a lost one (default 1 for several volumes)' },
    since: { type: 'string', value: 'RELEASE', multiple: true, summary: 'leave out what this bundle, volume, or bundle/ folder of one holds; or the inventory of a site' },
    policy: { type: 'string', value: 'FILE', summary: 'the trust policy of the site, when --since is its inventory' },
    image: { type: 'boolean', summary: 'make an ISO image of each volume, ready to burn, and keep only these' },
    ...SECRETS,
  },
  example: 'sallyport pack out/mesh-1.1.0 --media dvd --parity 10% --since out/mesh-1.0.0 --key keys/alice -o out/discs --image',
  async run(context, values, [bundle = '']) {
    const media = parseMedia(values.need('media'))
    const percent = whole('parity', values.text('parity')?.replace(/%$/, '') ?? '10', 100)
    const spares = whole('spare', values.text('spare') ?? '1', 9)
    const key = await personKey(context, values, values.need('key'))
    const out = resolve(context.cwd, values.need('output'))
    const { signal } = context
    const bases = await basesOf(resolve(context.cwd, bundle), values.list('since').map((path) => resolve(context.cwd, path)), values.text('policy') && resolve(context.cwd, values.text('policy') ?? ''))
    const protection = percent === 0 ? undefined : await par2Protection(percent, signal)
    let set: PackedSet | undefined
    const tasks: Task[] = [
      {
        title: `pack ${bundle}`,
        async run(onProgress) {
          set = await packVolumes(resolve(context.cwd, bundle), out, { media, protection, spares, bases, key, onProgress, signal })
          return `${set.volumes.length} volume${set.volumes.length === 1 ? '' : 's'}`
        },
      },
    ]
    if (values.flag('image') || media.archive) {
      tasks.push({
        title: media.archive ? 'archive' : 'images',
        run: async () => {
          if (set) await single(out, set, media.archive, signal)
        },
      })
    }
    await context.tasks(tasks)
    if (!set) return
    const { bundle: carried, volumes, content, packed, held, deltas } = set
    const place = relative(context.cwd, out)
    context.result({ directory: out, ...carried, volumes, spares: set.spares, content, packed, held, deltas, since: bases.map((base) => base.carried) }, () =>
      [
        `${carried.name} ${carried.version} is in ${place}: ${volumes.length} volume${volumes.length === 1 ? '' : 's'}${set && set.spares > 0 ? `, ${set.spares} of them spare` : ''}`,
        `  ${bytes(content)} of content in ${bytes(packed)}; parity ${percent}%`,
        ...(bases.length > 0 ? [`  ${held} files left out, ${deltas} as deltas, since ${bases.map((base) => `${base.carried.name} ${base.carried.version}`).join(', ')}`] : []),
        `Check each once it is written: sallyport verify ${place}/${volumes[0]} --policy FILE`,
      ].join('\n'),
    )
  },
}

/**
 * The releases to build on: those that are named, each held against the inventory of the site when there is one; or, with
 * an inventory alone, the newest bundle of the same kind and name beside BUNDLE that the site holds.
 */
async function basesOf(bundle: string, since: readonly string[], policy: string | undefined): Promise<Base[]> {
  const pages: string[] = []
  for (const path of since) if (await stat(join(path, INVENTORY_FILE)).catch(() => undefined)) pages.push(path)
  const named = await Promise.all(since.filter((path) => !pages.includes(path)).map(readBase))
  const [page] = pages
  if (page === undefined) return named
  if (policy === undefined) throw fault('E_USAGE', 'an inventory is checked by the trust policy of its site', { expected: '--policy FILE' })
  const inventory = await readInventory(page, { policy: await readPolicy(policy), now: new Date() })
  const bases = named.length > 0 ? named : await beside(bundle, ({ sha512 }) => inventory.held.some((one) => one.sha512 === sha512))
  heldBySite(inventory, bases.map(({ carried }) => carried))
  return bases
}

/** The newest earlier bundle beside another that is `held`, or the newest of all, so that a refusal names it. */
async function beside(bundle: string, held: (carried: CarriedBundle) => boolean): Promise<Base[]> {
  const { kind, name, sequence } = (await readBase(bundle)).carried
  const earlier: Base[] = []
  for (const entry of await readdir(dirname(bundle))) {
    const base = await readBase(join(dirname(bundle), entry)).catch(() => undefined)
    if (base?.carried.kind === kind && base.carried.name === name && base.carried.sequence < sequence) earlier.push(base)
  }
  earlier.sort((a, b) => b.carried.sequence - a.carried.sequence)
  const chosen = earlier.find(({ carried }) => held(carried)) ?? earlier[0]
  if (!chosen) throw fault('E_USAGE', `no earlier ${name} lies beside ${bundle}`, { next: 'Name the release that the site holds too: --since RELEASE --since INVENTORY' })
  return [chosen]
}

function whole(option: string, text: string, most: number): number {
  if (!/^\d+$/.test(text) || Number(text) > most) throw fault('E_USAGE', `--${option} takes a whole number`, { expected: `0 to ${most}`, found: text })
  return Number(text)
}

/** One file for each volume in place of its folder: an image, or an archive. */
async function single(out: string, { statement, volumes }: PackedSet, archive: boolean, signal: AbortSignal): Promise<void> {
  for (const [index, name] of volumes.entries()) {
    const directory = join(out, name)
    if (archive) {
      const paths = (await readdir(directory, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).map((entry) => relative(directory, join(entry.parentPath, entry.name)))
      const files = await Promise.all(paths.toSorted().map(async (path) => ({ path, file: join(directory, path), size: (await stat(join(directory, path))).size })))
      await writeArchive(`${directory}.tar`, files, Date.parse(statement.created) / 1000)
    } else {
      await writeImage({ directory, target: `${directory}.iso`, label: imageLabel(statement.name, statement.version, index + 1), created: statement.created, signal })
    }
    await rm(directory, { recursive: true })
  }
}
