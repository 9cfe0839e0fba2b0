import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

/** A settings file of mirrors/ of this checkout, as the people of an enclave get it, with the depot's name put in. */
export async function clientSettings(path: string, depot: string): Promise<string> {
  return (await readFile(fileURLToPath(new URL(`../../mirrors/${path}`, import.meta.url)), 'utf8')).replaceAll('DEPOT', depot)
}
