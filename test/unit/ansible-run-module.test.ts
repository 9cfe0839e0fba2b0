import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFile, readdir, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { temporary } from './bundle-fixture.ts'

const PROGRAM = new URL('../../ansible/files/run-module', import.meta.url).pathname
/** As Ansible sends it: an archive that is made for this run, and a program that imports from it and looks at how it was called. */
const SENT = `
import os, sys, tempfile, zipfile
folder = tempfile.mkdtemp(dir=os.environ["FOLDER"])
with zipfile.ZipFile(folder + "/ansible_payload.zip", "w") as archive:
    archive.writestr("library/__init__.py", "")
    archive.writestr("library/words.py", "def said():\\r\\n    return '" + os.environ["WORDS"] + "'\\r\\n")
sys.path.insert(0, folder + "/ansible_payload.zip")
from library.words import said
print(__name__, sys.argv[1:], said())
`

async function runner(t: TestContext) {
  const folder = await temporary(t)
  const cache = join(folder, 'modules')
  const program = join(folder, 'run-module')
  const text = await readFile(PROGRAM, 'utf8')
  assert.ok(text.includes('"/var/cache/sallyport/modules"'))
  await writeFile(program, text.replace('/var/cache/sallyport/modules', cache))
  const run = (words: string, args: readonly string[] = []): string => {
    const { status, stdout, stderr } = spawnSync('python3', [program, ...args], { input: SENT, encoding: 'utf8', env: { ...process.env, FOLDER: folder, WORDS: words } })
    assert.equal(status, 0, stderr)
    return stdout
  }
  return { folder, cache, run }
}

test('a library in an archive is compiled once, and another source is another entry', async (t) => {
  const { cache, run } = await runner(t)
  assert.equal(run('hello'), '__main__ [] hello\n')
  const first = await readdir(cache)
  assert.equal(first.length, 2)
  const before = await Promise.all(first.map(async (name) => (await stat(join(cache, name))).mtimeMs))
  assert.equal(run('hello'), '__main__ [] hello\n')
  assert.deepEqual(await Promise.all(first.map(async (name) => (await stat(join(cache, name))).mtimeMs)), before)
  assert.equal(run('goodbye'), '__main__ [] goodbye\n')
  assert.equal((await readdir(cache)).length, 3)
  assert.equal((await stat(cache)).mode & 0o777, 0o700)
})

test('what a power cut left half written is compiled again; so is everything where nothing can be kept', async (t) => {
  const { cache, run } = await runner(t)
  run('hello')
  for (const name of await readdir(cache)) await truncate(join(cache, name), (await stat(join(cache, name))).size - 3)
  assert.equal(run('hello'), '__main__ [] hello\n')
  for (const name of await readdir(cache)) await truncate(join(cache, name), 0)
  assert.equal(run('hello'), '__main__ [] hello\n')
  const other = await runner(t)
  await writeFile(other.cache, 'no folder')
  assert.equal(other.run('hello'), '__main__ [] hello\n')
})

test('a program in a file gets its own words', async (t) => {
  const { folder, run } = await runner(t)
  const file = join(folder, 'module.py')
  await writeFile(file, SENT)
  assert.equal(run('hello', [file, 'one', 'two']), "__main__ ['one', 'two'] hello\n")
})
