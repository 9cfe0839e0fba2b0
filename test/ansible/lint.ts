import { createHash } from 'node:crypto'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheFolder } from '../../src/bundle/cache.ts'

/** Runs ansible-lint (profile production, ansible/.ansible-lint) from an environment of its own, pinned by hash and made once. */
const REQUIREMENTS = new URL('requirements.txt', import.meta.url).pathname
const ROLES = new URL('../../ansible/', import.meta.url).pathname

const version = run('python3', ['-c', 'import sys; print(sys.version)'], { stdout: 'pipe' })
const key = createHash('sha256').update(`${version}${await readFile(REQUIREMENTS, 'utf8')}`).digest('hex').slice(0, 16)
const folder = join(cacheFolder(process.env), 'ansible-lint')
const environment = join(folder, key)
const bin = join(environment, 'bin')
// Its programs name the folder they were made in, so it is not made elsewhere and moved: a mark says that it is whole.
const whole = join(environment, 'whole')
if (!existsSync(whole)) {
  console.log('making an environment for ansible-lint from test/ansible/requirements.txt')
  await rm(environment, { recursive: true, force: true })
  run('python3', ['-m', 'venv', environment])
  run(join(bin, 'python3'), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--require-hashes', '-r', REQUIREMENTS])
  await writeFile(whole, '')
}
run(join(bin, 'ansible-lint'), ['--nocolor'], { env: { PATH: `${bin}:${process.env['PATH']}`, ANSIBLE_HOME: join(folder, 'home') } })

function run(program: string, words: readonly string[], { stdout = 'inherit', env = {} }: { stdout?: 'pipe' | 'inherit'; env?: NodeJS.ProcessEnv } = {}): string {
  const ended = spawnSync(program, words, { cwd: ROLES, env: { ...process.env, ...env }, encoding: 'utf8', stdio: ['ignore', stdout, 'inherit'] })
  if (ended.error) throw ended.error
  if (ended.status !== 0) process.exit(ended.status ?? 1)
  return ended.stdout ?? ''
}
