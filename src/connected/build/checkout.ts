import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { PlainFile } from '../../bundle/write.ts'

/** The pages that travel with every bundle: docs/ of this checkout, readable as they are. */
export async function docsOfCheckout(): Promise<PlainFile[]> {
  const folder = fileURLToPath(new URL('../../../docs', import.meta.url))
  if (!existsSync(folder)) return []
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.md'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((file) => ({ path: relative(folder, file), file }))
}
