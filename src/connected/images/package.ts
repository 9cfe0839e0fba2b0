import { open } from 'node:fs/promises'
import { execa } from 'execa'
import { fault } from './codes.ts'
import type { Entry } from './node.ts'
import { contentBytes } from './content.ts'
import { readTar } from './tar-read.ts'

/** A Debian package taken apart; its maintainer scripts are never run. */
export interface OpenPackage {
  readonly files: readonly Entry[]
  /** The control file: name, version, architecture, as SBOM tools want them. */
  readonly control: Buffer
}

/**
 * Takes a .deb apart with dpkg-deb. The uncompressed tars are written to `scratch` + `.data` and `.control`, and stay
 * as long as the entries are used. Throws E_IMAGE_ARCHIVE for a damaged package.
 */
export async function openPackage(deb: string, name: string, scratch: string): Promise<OpenPackage> {
  await unpack('--fsys-tarfile', deb, name, `${scratch}.data`)
  await unpack('--ctrl-tarfile', deb, name, `${scratch}.control`)
  const control = readTar(`${scratch}.control`).find((entry) => entry.path === 'control')?.node
  if (control?.type !== 'file') throw fault('E_IMAGE_ARCHIVE', `the package ${name} has no control file`)
  return { files: readTar(`${scratch}.data`), control: contentBytes(control.content) }
}

async function unpack(what: string, deb: string, name: string, to: string): Promise<void> {
  const file = await open(to, 'wx')
  try {
    const { failed, stderr } = await execa('dpkg-deb', [what, deb], {
      reject: false,
      env: { LC_ALL: 'C.UTF-8' },
      stdout: { file: to },
      buffer: { stdout: false },
    })
    if (failed) throw fault('E_IMAGE_ARCHIVE', `dpkg-deb cannot read the package ${name}: ${stderr.trim()}`)
  } finally {
    await file.close()
  }
}
