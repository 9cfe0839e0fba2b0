import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder } from '../../src/bundle/cache.ts'

/**
 * Debian's own clamscan, taken apart and not installed: its package would bring a service that fetches definitions.
 * Made once; the program finds its libraries by itself.
 */
export function clamscan(): string {
  const folder = join(cacheFolder(process.env), 'clamav')
  const program = join(folder, 'bin/clamscan')
  if (existsSync(program)) return program
  const work = `${folder}.${process.pid}`
  rmSync(work, { recursive: true, force: true })
  mkdirSync(join(work, 'bin'), { recursive: true })
  mkdirSync(join(work, 'archives/partial'), { recursive: true })
  const words = ['install', '--download-only', '--yes', '--no-install-recommends', '-o', `Dir::Cache::archives=${join(work, 'archives')}`, '-o', 'APT::Sandbox::User=root', 'clamav']
  execFileSync('apt-get', words, { stdio: ['ignore', 'ignore', 'inherit'] })
  for (const name of readdirSync(join(work, 'archives')).filter((one) => one.endsWith('.deb'))) execFileSync('dpkg-deb', ['-x', join(work, 'archives', name), join(work, 'root')])
  rmSync(join(work, 'archives'), { recursive: true })
  const triplet = readdirSync(join(work, 'root/usr/lib')).find((name) => name.endsWith('-linux-gnu')) ?? ''
  const libraries = [join(folder, 'root/usr/lib', triplet), join(folder, 'root/lib', triplet)].join(':')
  writeFileSync(join(work, 'bin/clamscan'), `#!/bin/sh\nLD_LIBRARY_PATH=${libraries} exec ${join(folder, 'root/usr/bin/clamscan')} "$@"\n`)
  chmodSync(join(work, 'bin/clamscan'), 0o755)
  rmSync(folder, { recursive: true, force: true })
  renameSync(work, folder)
  return program
}

/** A signature database of one line: the test file of the European Institute for Computer Antivirus Research. */
export function definitionsIn(folder: string): string {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'test.ndb'), `Sallyport.Test:0:*:${Buffer.from(EICAR).toString('hex')}\n`)
  return folder
}

/** In two parts, so that no scanner takes this file for it. */
export const EICAR = ['X5O!P%@AP[4\\PZX54(P^)7CC)7}', '$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'].join('')
