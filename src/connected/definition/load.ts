import { createHash } from 'node:crypto'
import { createReadStream, existsSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { Fault } from '../../bundle/fault.ts'
import { treeFaults } from '../../bundle/path.ts'
import { fieldFaults, type Marking, type StatementFields } from '../../bundle/statement.ts'
import { fault } from '../codes.ts'
import { lookupIn } from '../images/lookup.ts'
import { loadRecipe } from '../images/recipe.ts'
import { definitionFile, readChain, type Link } from './chain.ts'
import type {
  Definition,
  DefinitionDocument,
  IacPlan,
  IacSpec,
  ImagePlan,
  ImageSpec,
  Member,
  MirrorPlan,
} from './definition.ts'
import { advisoryPlan } from './advisories.ts'
import { mirrorRequest } from './mirror.ts'
import { recording } from './recording.ts'

/** Demonstration policy of the mesh; a site that has its own names it in `marking`. */
const LABEL_POLICY = { policy: 'urn:sallyport:label-policy:demo', policyVersion: '1' } as const

/** Files of a tree that never cross: caches and version control. */
const LEFT_OUT = /(?:^|\/)(?:\.git|__pycache__|\.DS_Store|\.terraform|node_modules)(?:\/|$)|\.(?:pyc|retry|swp)$/

const crosses = (path: string): boolean => !LEFT_OUT.test(path)

/**
 * Reads a definition (a folder or its bundle.yaml), what it extends, and every recipe it names.
 * Throws E_DEFINITION naming every fault of every file as `file:line:column: what`.
 */
export async function loadDefinition(path: string): Promise<Definition> {
  const file = definitionFile(path)
  const { links, faults: chainFaults } = await readChain(file)
  const faults = [...chainFaults]
  const last = links.at(-1)
  const base = links[0]
  if (last === undefined || base === undefined || faults.length > 0) throw invalid(path, faults)

  const document: DefinitionDocument = Object.assign({}, ...links.map((link) => link.document))
  const placeOf = (member: Member, ...more: (string | number)[]): string =>
    (links.findLast((link) => link.document[member] !== undefined) ?? last).at([member, ...more])

  const root = base.folder
  const lookup = recording(lookupIn(overlaysOf(links, root, faults)))
  for (const link of links) lookup.record(link.file)

  const mirrors = (document.mirrors ?? []).flatMap((mirror, index) => {
    const request = mirrorRequest(mirror, root, lookup, (why) => faults.push(`${placeOf('mirrors', index)}: ${why}`))
    return request === undefined
      ? []
      : [{ name: mirror.name, ecosystem: mirror.ecosystem, request, written: mirror } satisfies MirrorPlan]
  })
  const images: ImagePlan[] = []
  for (const [index, image] of (document.images ?? []).entries()) {
    const plan = await imagePlan(
      image,
      root,
      lookup,
      (why) => faults.push(`${placeOf('images', index)}: ${why}`),
      faults,
    )
    if (plan !== undefined) images.push(plan)
  }
  const iac = (document.iac ?? []).flatMap((spec, index) => {
    if (!existsSync(join(root, spec.from))) {
      faults.push(`${placeOf('iac', index, 'from')}: no such folder: ${spec.from}`)
      return []
    }
    for (const why of lookup.unfit(join(root, spec.from), crosses)) faults.push(`${placeOf('iac', index, 'from')}: ${why}`)
    const plan = iacPlan(spec, root, lookup)
    for (const why of treeFaults(plan.files.map(({ path }) => path))) faults.push(`${placeOf('iac', index, 'from')}: ${why}`)
    return [plan]
  })
  const advisories = (document.advisories ?? []).flatMap((spec, index) =>
    advisoryPlan(spec, root, lookup, (why) => faults.push(`${placeOf('advisories', index)}: ${why}`)),
  )
  const vex = (document.vex ?? []).map((path, index) => {
    if (!lookup.exists(join(root, path))) faults.push(`${placeOf('vex', index)}: no such file: ${path}`)
    return { path, file: lookup(join(root, path)) }
  })
  if (vex.length > 0 && advisories.length === 0) faults.push(`${placeOf('vex')}: vex needs advisories that it is about`)
  for (const member of ['mirrors', 'images', 'iac', 'advisories'] as const) {
    const names = (document[member] ?? []).map((one) => one.name)
    names.forEach((name, index) => {
      if (names.indexOf(name) < index)
        faults.push(`${placeOf(member, index, 'name')}: ${name} is named twice in ${member}`)
    })
  }
  const fields = fieldsOf(document)
  for (const one of fieldFaults({ ...fields, created: '2000-01-01T00:00:00Z' }))
    faults.push(`${last.at([one.split(/[:.[]/)[0] ?? ''])}: ${one}`)
  if (faults.length > 0) throw invalid(path, faults)

  return {
    folder: root,
    lockFile: join(dirname(file), 'bundle.lock.yaml'),
    baseLockFile: links.length > 1 ? join(root, 'bundle.lock.yaml') : undefined,
    fields,
    target: document.targets?.[0] ?? { os: 'debian', release: '13', architecture: 'amd64' },
    mirrors,
    images,
    iac,
    advisories,
    vex,
    files: await digests(lookup.recorded(), root),
    locate: (name) => lookup(resolve(root, name)),
    placeOf: (member, ...more) => placeOf(member, ...more),
  }
}

function invalid(path: string, faults: readonly string[]): Fault {
  const unique = [...new Set(faults.map((one) => one.replace(`${process.cwd()}/`, '')))]
  return fault(
    'E_DEFINITION',
    `The bundle definition ${path} has ${unique.length} fault${unique.length === 1 ? '' : 's'}.`,
    { faults: unique },
  )
}

/** Each release's overlay mirrors the folder of the outermost definition; later releases win. */
function overlaysOf(links: readonly Link[], root: string, faults: string[]): { root: string; folder: string }[] {
  return links.flatMap(({ document, folder, at }) => {
    if (document.overlay === undefined) return []
    const overlay = join(folder, document.overlay)
    if (existsSync(overlay) && statSync(overlay).isDirectory()) return [{ root, folder: overlay }]
    faults.push(`${at(['overlay'])}: no such folder: ${document.overlay}`)
    return []
  })
}

type Recording = ReturnType<typeof recording>

async function imagePlan(
  { name, recipe, oci }: ImageSpec,
  root: string,
  lookup: Recording,
  wrong: (why: string) => void,
  faults: string[],
): Promise<ImagePlan | undefined> {
  const origins = Object.entries(oci ?? {})
  if ((recipe === undefined) === (oci === undefined) || (oci !== undefined && origins.length !== 1)) {
    wrong(`${name} needs either a recipe, or oci with exactly one of layout, archive, registry`)
    return undefined
  }
  if (recipe === undefined)
    return { name, request: { items: origins.map(([kind, where]) => `${kind}:${where}`), purpose: 'image' } }
  if (!lookup.exists(join(root, recipe))) {
    wrong(`no such file: ${recipe}`)
    return undefined
  }
  try {
    return { name, recipe: await loadRecipe(join(root, recipe), lookup) }
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    faults.push(...(error.detail.faults ?? [error.message]))
    return undefined
  }
}

function iacPlan({ name, kind, from }: IacSpec, root: string, lookup: Recording): IacPlan {
  const folder = join(root, from)
  const files = lookup
    .files(folder)
    .filter(crosses)
    .map((path) => ({ path, file: lookup(join(folder, path)) }))
  return { name, kind, files }
}

function fieldsOf(document: DefinitionDocument): Omit<StatementFields, 'created'> {
  const marking: Marking = { ...LABEL_POLICY, level: '', categories: [], releasability: [], ...document.marking }
  return {
    kind: document.kind ?? 'release',
    name: document.name ?? '',
    version: document.version ?? '',
    sequence: document.sequence ?? 0,
    marking,
    targets: document.targets ?? [],
    upgradesFrom: document.upgradesFrom ?? [],
  }
}

async function digests(files: readonly string[], root: string): Promise<Record<string, string>> {
  const named: [string, string][] = []
  for (const file of files) {
    const hash = createHash('sha512')
    for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer)
    named.push([relative(root, file), hash.digest('hex')])
  }
  return Object.fromEntries(named.sort(([a], [b]) => (a < b ? -1 : 1)))
}
