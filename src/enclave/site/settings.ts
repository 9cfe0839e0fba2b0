import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parse } from 'yaml'
import { fault } from '../codes.ts'
import type { PkiSite, Site } from './site.ts'

/** What a site may say beyond its hosts, in the words of site.yaml. Files are named relative to the settings' own folder. */
export interface Settings {
  readonly objectStore?: Site['objectStore']
  readonly pki?: Pick<PkiSite, 'identity' | 'crl' | 'partners'>
  readonly identity?: Site['identity']
  readonly alerts?: Site['alerts']
}

const KEYS = ['objectStore', 'pki', 'identity', 'alerts']
const PKI_KEYS = ['identity', 'crl', 'partners']

/** Reads the settings for a new site; their values are checked with the site they become part of. Throws E_SITE_INVALID. */
export async function readSettings(path: string): Promise<Settings> {
  const value: unknown = parse(await readFile(path, 'utf8')) ?? {}
  const settings = value as Settings
  const strange =
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? [...unknown(value, KEYS), ...unknown(settings.pki ?? {}, PKI_KEYS).map((key) => `pki.${key}`)]
      : ['the document']
  if (strange.length === 0) return settings
  throw fault('E_SITE_INVALID', `${path} says what is no setting of a site`, {
    expected: `${KEYS.join(', ')}; under pki: ${PKI_KEYS.join(', ')}`,
    faults: strange.map((key) => `${key}: is not known`),
  })
}

/** Public files that a site names: certificates of partners, of the directory, and of who opens what is sealed. */
export function publicFiles(site: Site): string[] {
  const { ldap, breakGlass } = site.identity ?? {}
  const named = [...(site.pki.partners ?? []).map((partner) => partner.certificate), ...(ldap ? [ldap.ca] : []), ...(breakGlass?.certificates ?? [])]
  return [...new Set(named)]
}

/** The bytes of those files, read from where the settings lie. */
export async function filesOf(settings: string, names: readonly string[]): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>()
  for (const name of names) files.set(name, await readFile(join(dirname(settings), name)))
  return files
}

function unknown(value: object, known: readonly string[]): string[] {
  return Object.keys(value).filter((key) => !known.includes(key))
}
