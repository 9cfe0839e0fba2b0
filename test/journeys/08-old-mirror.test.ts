import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { parseTree } from '../../src/bundle/tree.ts'
import { succeed } from '../../src/demo/sallyport.ts'
import { sourceText } from '../../src/enclave/depot/apt.ts'
import { aptSuites } from '../../src/enclave/depot/layout-release.ts'
import { PLACES } from './shared/enclave.ts'

const STRETCH_DAYS = 180
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'

describe('a mirror that crosses the gap months after Debian signed it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'old-mirror-'))
  let suites: Awaited<ReturnType<typeof aptSuites>>

  before(async () => {
    const bundle = PLACES.bundle('1.0.0')
    assert.ok(existsSync(bundle), 'journey 05 has to build mesh 1.0.0 before this one')
    const { result } = await succeed(['inspect', bundle])
    const { mirrors } = (result as { statement: { mirrors: { ecosystem: string; tree: { sha256: string } }[] } }).statement
    const apt = mirrors.find(({ ecosystem }) => ecosystem === 'apt')
    assert.ok(apt)
    const blob = (sha256: string): string => join(bundle, 'blobs/sha256', sha256)
    for (const entry of parseTree(readFileSync(blob(apt.tree.sha256)), 'apt')) {
      const target = join(folder, 'apt', entry.path)
      mkdirSync(dirname(target), { recursive: true })
      await copyFile(blob(entry.sha256), target)
    }
    suites = await aptSuites(folder)
    assert.ok(suites.some(({ suite }) => suite.endsWith('-security')), 'the mirror holds no index that expires')
  })
  after(() => rmSync(folder, { recursive: true }))

  /** Real apt reads the mirror through the very source the product writes, with every check on and a shifted clock. */
  function update(days: number, stretchDays: number): { ok: boolean; text: string } {
    const work = mkdtempSync(join(folder, 'apt-'))
    for (const name of ['sources', 'empty', 'state/lists/partial', 'cache/archives/partial']) mkdirSync(join(work, name), { recursive: true })
    writeFileSync(join(work, 'sources/sallyport.sources'), sourceText(suites, { uri: `file:${folder}/apt`, stretchDays, keyring: KEYRING }))
    writeFileSync(join(work, 'status'), '')
    const settings = [
      `Dir::Etc::Parts "${work}/empty";`,
      'Dir::Etc::main "/dev/null";',
      'Dir::Etc::sourcelist "/dev/null";',
      `Dir::Etc::sourceparts "${work}/sources";`,
      `Dir::State "${work}/state";`,
      `Dir::State::status "${work}/status";`,
      `Dir::Cache "${work}/cache";`,
      'APT::Architecture "amd64";',
      'APT::Sandbox::User "";',
    ]
    writeFileSync(join(work, 'apt.conf'), settings.join('\n'))
    const { status, stdout, stderr } = spawnSync('faketime', ['-f', `+${days}d`, 'apt-get', '-o', 'APT::Update::Error-Mode=any', 'update'], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], APT_CONFIG: join(work, 'apt.conf'), LC_ALL: 'C' },
    })
    return { ok: status === 0, text: `${stdout}${stderr}` }
  }

  test('two months later it is taken, by the stated stretch alone', () => {
    const stretched = update(60, STRETCH_DAYS)
    assert.ok(stretched.ok, stretched.text)
    const plain = update(60, 0)
    assert.equal(plain.ok, false)
    assert.match(plain.text, /expired/)
  })

  test('beyond the stretch it is refused', () => {
    const { ok, text } = update(STRETCH_DAYS + 60, STRETCH_DAYS)
    assert.equal(ok, false)
    assert.match(text, /expired/)
  })

  test('an index changed by one byte is refused, stretched or not', () => {
    const [first] = suites
    const file = join(folder, 'apt/dists', first?.suite ?? '', 'InRelease')
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, text.replace('Origin: Debian', 'Origin: Debiam'))
    assert.equal(update(0, STRETCH_DAYS).ok, false)
    writeFileSync(file, text)
    assert.ok(update(0, STRETCH_DAYS).ok)
  })
})
