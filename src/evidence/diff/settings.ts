import { parseAllDocuments } from 'yaml'
import { changesOf, type Changes } from './changes.ts'

/** One value that an operator would find in a file of the infrastructure. */
export interface Setting {
  readonly file: string
  /** `keycloak_memory`, `profiles.lite[0]` */
  readonly name: string
  readonly value: string
}

/** Files that hold nothing but values: role defaults and variables, group and host variables, profiles, Terraform's JSON variables. */
export const isSettings = (path: string): boolean =>
  /(?:^|\/)(?:defaults|vars|group_vars|host_vars)\/.*\.(?:ya?ml|json)$/.test(path) || /^[^/]+\.json$/.test(path) || path.endsWith('.tfvars.json')

export function settingChanges(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): Changes<Setting> {
  return changesOf(settings(before), settings(after), (a, b) => a.value === b.value)
}

function settings(files: ReadonlyMap<string, string>): Map<string, Setting> {
  const found = new Map<string, Setting>()
  for (const [file, text] of files)
    for (const document of parseAllDocuments(text, { logLevel: 'silent' })) {
      // What is no YAML to this parser is told as a changed file, not as settings.
      if (!('toJS' in document) || document.errors.length > 0) continue
      flatten(document.toJS({ maxAliasCount: 100 }), '', (name, value) => void found.set(`${file} ${name}`, { file, name, value }))
    }
  return found
}

function flatten(value: unknown, name: string, add: (name: string, value: string) => void): void {
  if (Array.isArray(value) && value.length > 0) value.forEach((one, index) => flatten(one, `${name}[${index}]`, add))
  else if (typeof value === 'object' && value !== null && Object.keys(value).length > 0)
    for (const [key, one] of Object.entries(value)) flatten(one, name === '' ? key : `${name}.${key}`, add)
  else add(name, typeof value === 'string' ? value : (JSON.stringify(value) ?? ''))
}
