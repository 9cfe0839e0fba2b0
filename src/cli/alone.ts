import type { Command } from './command.ts'

/**
 * Commands that read large bundles, each loaded without the others: all of them, with what they import, are 60 MB of
 * memory on a station that needs it for the bundle.
 */
export const ALONE: ReadonlyMap<string, () => Promise<{ readonly command: Command }>> = new Map([
  ['import', () => import('./import.ts')],
  ['inspect', () => import('./inspect.ts')],
  ['inventory', () => import('./inventory.ts')],
  ['pack', () => import('./pack.ts')],
  ['repair', () => import('./repair.ts')],
  ['sign', () => import('./sign.ts')],
  ['verify', () => import('./verify.ts')],
])
