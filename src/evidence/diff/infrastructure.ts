import type { Bundle } from '../../bundle/bundle.ts'
import type { TreeEntry } from '../../bundle/tree.ts'
import { changesOf, type Changes } from './changes.ts'
import { rightsOf, serviceChanges, type Right } from './services.ts'
import { isSettings, settingChanges, type Setting } from './settings.ts'
import { isUnit, unitChanges, type Directive } from './units.ts'

/** Larger files of the infrastructure are compared by digest only. */
const TEXT_LIMIT = 4 << 20
const SERVICES = /(?:^|\/)group_vars\/all\/services\.json$/

export interface InfrastructureChanges {
  readonly rights: Changes<Right>
  readonly directives: Changes<Directive>
  readonly settings: Changes<Setting>
  /** Every file by digest: what is told above, and all the rest. */
  readonly files: Changes<{ readonly path: string; readonly sha256: string; readonly executable: boolean }>
}

export async function infrastructureChanges(before: Bundle, after: Bundle): Promise<InfrastructureChanges> {
  const [old, now] = [await filesOf(before), await filesOf(after)]
  const texts = async (wanted: (path: string) => boolean): Promise<[Map<string, string>, Map<string, string>]> => [await textsOf(before, old, wanted), await textsOf(after, now, wanted)]
  const [oldServices, newServices] = await texts((path) => SERVICES.test(path))
  return {
    rights: serviceChanges([...oldServices.values()][0], [...newServices.values()][0]),
    directives: unitChanges(...(await texts(isUnit))),
    settings: settingChanges(...(await texts((path) => isSettings(path) && !SERVICES.test(path)))),
    files: changesOf(told(old), told(now), (a, b) => a.sha256 === b.sha256 && a.executable === b.executable),
  }
}

/** What `services.json` of the infrastructure gives. */
export async function rightsIn(bundle: Bundle): Promise<readonly Right[]> {
  const texts = await textsOf(bundle, await filesOf(bundle), (path) => SERVICES.test(path))
  return [...rightsOf([...texts.values()][0]).values()]
}

/** `ansible/site.yml` → its entry; the name of the tree comes first. */
async function filesOf(bundle: Bundle): Promise<Map<string, TreeEntry>> {
  const files = new Map<string, TreeEntry>()
  for (const { name, tree } of bundle.statement.iac) for (const entry of await bundle.tree(tree)) files.set(`${name}/${entry.path}`, entry)
  return files
}

async function textsOf(bundle: Bundle, files: ReadonlyMap<string, TreeEntry>, wanted: (path: string) => boolean): Promise<Map<string, string>> {
  const texts = new Map<string, string>()
  for (const [path, { sha256, size }] of files) {
    const blob = bundle.blob(sha256)
    const inside = path.slice(path.indexOf('/') + 1)
    if (wanted(inside) && size <= TEXT_LIMIT && blob !== undefined) texts.set(path, (await bundle.readBlob(blob, TEXT_LIMIT)).toString('utf8'))
  }
  return texts
}

function told(files: ReadonlyMap<string, TreeEntry>): Map<string, { path: string; sha256: string; executable: boolean }> {
  return new Map([...files].map(([path, { sha256, executable }]) => [path, { path, sha256, executable: executable === true }]))
}
