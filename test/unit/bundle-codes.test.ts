import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { CODES } from '../../src/bundle/codes.ts'

const HERE = import.meta.dirname

async function textOf(folder: string, wanted: RegExp): Promise<string> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => wanted.test(name))
  return (await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))).join('\n')
}

test('every code is raised somewhere, and every refusal has a test', async () => {
  const source = await textOf(join(HERE, '../../src/bundle'), /^(?!codes).*\.ts$/)
  const tests = await textOf(HERE, /^(?:bundle|volumes)(?!-codes).*\.ts$/)
  const unraised = Object.keys(CODES).filter((code) => !source.includes(`'${code}'`))
  const untested = Object.keys(CODES).filter((code) => !tests.includes(`'${code}'`))
  assert.deepEqual({ unraised, untested }, { unraised: [], untested: [] })
})

test('src/bundle imports node: and its own files only', async () => {
  const source = await textOf(join(HERE, '../../src/bundle'), /\.ts$/)
  const imports = [
    ...source.matchAll(/^(?:import|export)[^'\n]*from '([^']+)'/gm),
    ...source.matchAll(/^} from '([^']+)'/gm),
  ].map(([, name = '']) => name)
  assert.ok(imports.length > 50)
  assert.deepEqual(
    imports.filter((name) => !name.startsWith('node:') && !/^\.\.?\/[^.]/.test(name)),
    [],
  )
})
