import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'
import { ALONE } from '../../src/cli/alone.ts'
import { COMMANDS } from '../../src/cli/commands.ts'
import { ERROR_CODES } from '../../src/cli/error-codes.ts'

const tracked = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { encoding: 'utf8' }).split('\n').filter(Boolean)
const sources = tracked.filter((path) => /\.(ts|mjs)$/.test(path))

/** What a folder of src may import, besides itself and packages. `node:` only is said by `packages: false`. */
const MAY_IMPORT: Readonly<Record<string, { readonly folders: readonly string[]; readonly packages: boolean }>> = {
  bundle: { folders: [], packages: false },
  connected: { folders: ['bundle', 'evidence'], packages: true },
  enclave: { folders: ['bundle'], packages: true },
  evidence: { folders: ['bundle'], packages: true },
  mesh: { folders: [], packages: true },
  'mesh-client': { folders: ['bundle', 'mesh'], packages: true },
  lab: { folders: ['bundle'], packages: true },
  media: { folders: ['bundle'], packages: false },
  custody: { folders: ['bundle'], packages: false },
  assessment: { folders: ['bundle', 'enclave', 'evidence'], packages: true },
  proof: { folders: ['bundle', 'connected', 'enclave', 'lab'], packages: true },
  token: { folders: ['bundle'], packages: false },
  cli: {
    folders: ['assessment', 'bundle', 'connected', 'custody', 'enclave', 'evidence', 'lab', 'media', 'mesh', 'mesh-client', 'proof', 'token'],
    packages: true,
  },
  demo: { folders: ['bundle', 'connected', 'enclave', 'evidence', 'lab', 'mesh', 'mesh-client', 'proof', 'cli'], packages: true },
}

function imports(path: string): string[] {
  const text = readFileSync(path, 'utf8')
  return [...text.matchAll(/(?:^|\n)\s*(?:import|export)\b[^'"\n]*?(?:\n[^'"]*?)?from\s*['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g)].map(
    (match) => match[1] ?? match[2] ?? '',
  )
}

test('each folder of src imports only what the design lets it', () => {
  const faults: string[] = []
  for (const path of sources.filter((name) => name.startsWith('src/'))) {
    const folder = path.split('/')[1] ?? ''
    const rule = MAY_IMPORT[folder]
    if (!rule) {
      faults.push(`${path}: no rule for the folder ${folder}`)
      continue
    }
    for (const name of imports(path)) {
      if (name.startsWith('node:')) continue
      if (!name.startsWith('.')) {
        if (!rule.packages) faults.push(`${path} imports the package ${name}`)
        continue
      }
      const target = normalize(join(dirname(path), name))
      const other = target.split('/')[1] ?? ''
      if (target.startsWith('src/') ? other !== folder && !rule.folders.includes(other) : !target.endsWith('.json'))
        faults.push(`${path} imports ${target}`)
    }
  }
  assert.deepEqual(faults, [])
})

test('no file of code is longer than 300 lines', () => {
  const long = sources.filter((path) => readFileSync(path, 'utf8').split('\n').length > 301)
  assert.deepEqual(long, [])
})

test('no file or folder has a name that says nothing', () => {
  assert.deepEqual(tracked.filter((path) => /(^|\/)(utils?|helpers?|common|misc)(\/|\.|$)/i.test(path)), [])
})

test('no test is skipped or run alone', () => {
  const found = sources.filter((path) => /\.(skip|only|todo)\(|\b(skip|todo): true/.test(readFileSync(path, 'utf8')) && !path.endsWith('tree-rules.test.ts'))
  assert.deepEqual(found, [])
})

test('the product never weakens trust', () => {
  const weak = /--insecure|trusted=yes|gpgcheck=0|StrictHostKeyChecking[= ]no|rejectUnauthorized: false|NODE_TLS_REJECT_UNAUTHORIZED|tls_verify: ?false|validate_certs: ?(no|false)|--tls-verify=false|Check-Valid-Until["' ]*(no|false|0)/i
  // It shakes hands with itself in memory to learn why a certificate would be refused; who is refused is not let in.
  const asksWhy = 'src/enclave/pki/handshake.ts'
  const found = tracked.filter((path) => path !== asksWhy && /^(src|ansible|bundles|mirrors|boot)/.test(path) && /\.(ts|mjs|ya?ml|j2|conf|cfg|sh|json)$/.test(path) && weak.test(readFileSync(path, 'utf8')))
  assert.deepEqual(found, [])
})

test('the repository names no registry host and no path of a machine', () => {
  const hosts = /(registry\.npmjs|pypi\.org|pythonhosted|proxy\.golang|repo1?\.maven|deb\.debian\.org|security\.debian\.org|crates\.io|ghcr\.io|quay\.io|docker\.io|\/root\/|\/work\/)/
  const found = tracked.filter((path) => !/tree-rules\.test\.ts$|\.(gz|png|xz)$/.test(path) && hosts.test(readFileSync(path, 'utf8')))
  assert.deepEqual(found, [])
})

test('package-lock.json holds no download address', () => {
  assert.doesNotMatch(readFileSync('package-lock.json', 'utf8'), /"resolved": "http/)
})

test('every command file is registered and every command has an example that names it', () => {
  const files = readdirSync('src/cli').filter((name) => /export const command\b/.test(readFileSync(join('src/cli', name), 'utf8')))
  const names = COMMANDS.map((command) => `${command.name.join('-')}.ts`)
  assert.deepEqual(names.toSorted(), files.toSorted())
  for (const command of COMMANDS) assert.ok(command.example.includes(`sallyport ${command.name.join(' ')}`) || command.example.includes(command.name.join(' ')), command.name.join(' '))
})

test('a command that is loaded alone is the one of its name', async () => {
  for (const [word, load] of ALONE) assert.deepEqual([(await load()).command], COMMANDS.filter((command) => command.name.join(' ') === word))
})

test('every codes.ts is in the list that explain prints, and no code is used twice', () => {
  const files = sources.filter((path) => /^src\/.+\/codes\.ts$/.test(path)).map((path) => dirname(path).slice('src/'.length))
  assert.deepEqual(Object.keys(ERROR_CODES).toSorted(), files.toSorted())
  const codes = Object.values(ERROR_CODES).flatMap((group) => Object.keys(group))
  assert.deepEqual(codes.filter((code, at) => codes.indexOf(code) !== at), [])
})
