import { readFile } from 'node:fs/promises'
import { dirname, extname, resolve } from 'node:path'
import type { Loader, Plugin } from 'esbuild'
import { bundledPackages, type BundledPackage } from './bundled.ts'
import { fault } from './codes.ts'
import type { Lookup } from './lookup.ts'
import type { ProgramSpec } from './recipe.ts'

/** What CommonJS dependencies expect to find inside an ES module. */
const REQUIRE = `import { createRequire as $createRequire } from 'node:module';
import { fileURLToPath as $fileURLToPath } from 'node:url';
import { dirname as $dirname } from 'node:path';
const require = $createRequire(import.meta.url);
const __filename = $fileURLToPath(import.meta.url);
const __dirname = $dirname(__filename);`

export interface BundledProgram {
  readonly content: Buffer
  /** npm packages that are in it. */
  readonly packages: readonly BundledPackage[]
}

/**
 * Bundles a program and what it imports into one file. `entry` is a logical path: sources that an overlay replaces are
 * read from there. Same sources and same esbuild, same bytes. Throws E_IMAGE_PROGRAM with every error and its place.
 */
export async function bundleProgram(entry: string, program: ProgramSpec, lookup: Lookup): Promise<BundledProgram> {
  const format = program.to.endsWith('.cjs') ? 'cjs' : 'esm'
  // Only where something is built: the installer carries no esbuild.
  const { build } = await import('esbuild')
  const result = await build({
    entryPoints: [resolve(entry)],
    // Paths in esbuild's comments start here: the same for every checkout.
    absWorkingDir: dirname(resolve(entry)),
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    target: 'node24',
    format,
    charset: 'utf8',
    legalComments: 'none',
    logLevel: 'silent',
    external: [...(program.external ?? [])],
    define: { ...program.define },
    banner: format === 'esm' ? { js: REQUIRE } : {},
    plugins: [overlayPlugin(lookup)],
  }).catch((error: unknown) => {
    throw fault('E_IMAGE_PROGRAM', `the program ${entry} cannot be bundled`, { faults: messagesOf(error), cause: error })
  })
  const output = result.outputFiles[0]
  if (output === undefined) throw fault('E_IMAGE_PROGRAM', `esbuild made no output of ${entry}`)
  return { content: Buffer.from(output.contents), packages: await bundledPackages(result.metafile, dirname(resolve(entry))) }
}

/** Keeps to the places sources stand for, and reads those that an overlay replaces from there. */
function overlayPlugin(lookup: Lookup): Plugin {
  return {
    name: 'overlay',
    setup({ onLoad, onResolve }) {
      onResolve({ filter: /^(\.{1,2}\/|\/)/ }, ({ path, resolveDir }) => {
        const logical = resolve(resolveDir, path)
        return lookup(logical) === logical ? undefined : { path: logical }
      })
      onLoad({ filter: /\.(ts|mts|js|mjs|json)$/ }, async ({ path }) => {
        const actual = lookup(path)
        if (actual === path) return undefined
        return { contents: await readFile(actual), loader: loaderOf(path) }
      })
    },
  }
}

function loaderOf(path: string): Loader {
  return extname(path) === '.json' ? 'json' : extname(path).endsWith('ts') ? 'ts' : 'js'
}

/** What esbuild complains about, each with its place. */
export function messagesOf(error: unknown): string[] {
  if (typeof error === 'object' && error !== null && 'errors' in error && Array.isArray(error.errors)) {
    return (error.errors as { text: string; location: { file: string; line: number; column: number } | null }[]).map(
      ({ text, location }) =>
        location === null ? text : `${location.file}:${location.line}:${location.column + 1}: ${text}`,
    )
  }
  return [error instanceof Error ? error.message : String(error)]
}
