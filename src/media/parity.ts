import { realpath, readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Protection } from '../bundle/volumes/finish.ts'
import { VOLUME } from '../bundle/volumes/layout.ts'
import { findProgram, succeeded } from './program.ts'

/** Blocks a volume is cut into: more make parity slower to compute and waste less on small damage. */
const BLOCKS = 500
/** Megabytes par2 may use. */
const MEMORY = 96
const LOADER = /^ld-linux[\w.-]*\.so\.\d+$/

/** The loader first; then how `repair` calls par2 wherever these files lie, and whatever its own system has. */
export function repairCommand(folder: string, loader: string): readonly string[] {
  return [join(folder, loader), '--library-path', folder, join(folder, 'par2')]
}

/** Name of the loader among the files of `repair/`. */
export function loaderOf(names: readonly string[]): string | undefined {
  return names.find((name) => LOADER.test(name))
}

/**
 * Parity by Debian's par2, `percent` of each volume, and that program with its libraries for every volume: it is the
 * machine's own, so that nothing has to be fetched where the discs are read.
 * @throws E_MEDIA_PROGRAM, E_MEDIA_PROGRAM_FAILED
 */
export async function par2Protection(percent: number, signal?: AbortSignal): Promise<Protection> {
  const program = await findProgram('par2')
  const libraries = await librariesOf(program)
  const loader = loaderOf(libraries.map((path) => basename(path))) ?? ''
  const tool = [
    ...[program, ...libraries].map((file) => ({ path: `${VOLUME.repair}/${basename(file)}`, file })),
    { path: `${VOLUME.repair}/README.TXT`, bytes: Buffer.from(repairText(loader)) },
  ]
  return {
    percent,
    tool: await Promise.all(tool.map(async (one) => ('file' in one ? { ...one, file: await realpath(one.file) } : one))),
    async create(directory, names) {
      const sizes = await Promise.all(names.map(async (name) => (await stat(join(directory, name))).size))
      const whole = sizes.reduce((sum, size) => sum + size, 0)
      const block = Math.max(2048, Math.ceil(whole / BLOCKS / 2048) * 2048)
      const blocks = sizes.reduce((sum, size) => sum + Math.ceil(size / block), 0)
      const recovery = Math.max(1, Math.ceil((blocks * percent) / 100))
      await succeeded(program, ['create', '-q', '-q', `-s${block}`, `-c${recovery}`, '-n1', `-m${MEMORY}`, `${VOLUME.parity}.par2`, ...names], { cwd: directory, signal })
      return (await readdir(directory)).filter((name) => name.endsWith('.par2')).toSorted()
    },
  }
}

/** What the program's loader finds for it on this machine. */
async function librariesOf(program: string): Promise<string[]> {
  const text = await succeeded('ldd', [program])
  return [...text.matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)].map((match) => match[1] ?? '')
}

function repairText(loader: string): string {
  return [
    'TO REPAIR THIS VOLUME WITHOUT SALLYPORT, on Linux for x86-64, in two commands. Copy what reads to a disk:',
    '',
    '  mkdir v; (cd DISC; find . -type f) | while read -r f; do mkdir -p "v/$(dirname "$f")";',
    '    dd if="DISC/$f" of="v/$f" bs=64k conv=noerror,sync status=none; truncate -s "$(stat -c %s "DISC/$f")" "v/$f"; done',
    '',
    'and repair there (the first word is the program\'s own loader, so that it runs whatever this system has):',
    '',
    `  cd v; chmod +x repair/${loader}; repair/${loader} --library-path repair repair/par2 repair parity.par2`,
    '',
    'Then: sha512sum -c SHA512SUMS.   On other systems any program for par2 files reads parity.par2.',
    'par2 0.8.1 (GPL-2 or later) and its libraries are those of Debian; their sources: Debian source packages',
    'par2cmdline, gcc-12 or gcc-14, glibc.',
    '',
  ].join('\r\n')
}
