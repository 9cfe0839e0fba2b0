import { join } from 'node:path'

const OUT = new URL('../../out/', import.meta.url).pathname

/** Where a demo keeps everything: `out/` for the demo itself, a folder of its own for each journey. */
export function placesIn(folder: string) {
  const at = (...parts: string[]): string => join(folder, ...parts)
  return {
    folder,
    bundle: (version: string): string => at(`mesh-${version}`),
    keys: at('keys'),
    publisher: at('keys', 'publisher'),
    root: at('keys', 'root'),
    policy: at('trust-policy.json'),
    /** Passphrase of keys and issuing CA, mode 0600: a demo has nobody to ask. */
    passphrase: at('passphrase'),
    pki: at('pki'),
    people: at('people'),
    site: at('site'),
  } as const
}

export type Places = ReturnType<typeof placesIn>

export const DEMO_PLACES = placesIn(OUT.replace(/\/$/, ''))
