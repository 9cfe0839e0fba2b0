import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { stringify } from 'yaml'
import { makeRpms } from './source-fixtures.ts'
import { UPSTREAM } from './source-organisation.ts'
import { authority, serveStatic, type Authority, type StaticServer } from './source-server.ts'

/** Where dnf looks for repositories; the tests lay a folder of their own over it, in a mount namespace of their own. */
const REPOSITORIES = '/etc/yum.repos.d'
const CLI = new URL('../../src/cli/main.ts', import.meta.url).pathname
const root = mkdtempSync(join(tmpdir(), 'source-private-rpm-'))
const username = 'builder'
const password = `secret-${crypto.randomUUID()}`
const basic = Buffer.from(`${username}:${password}`).toString('base64')
let pki: Authority
let server: StaticServer
let answered = 0

before(async () => {
  pki = authority(join(root, 'pki'))
  await makeRpms(root)
  server = await serveStatic(join(root, 'rpms'), pki, ({ headers }, response) => {
    if (headers.authorization === `Basic ${basic}`) answered += 1
    else response.writeHead(401, { 'www-authenticate': 'Basic realm="organisation"' }).end()
    return response.writableEnded
  })
  mkdirSync(REPOSITORIES, { recursive: true })
})
after(async () => {
  await server?.close()
  rmSync(root, { recursive: true, force: true })
})

/** Builds the definition on a machine whose dnf has this login and this root for the repository `tools`. */
async function build(name: string, login: string, ca: string, place = server.host): Promise<{ exit: number; said: string; folder: string }> {
  const folder = join(root, name)
  const repositories = join(folder, 'yum.repos.d')
  mkdirSync(repositories, { recursive: true })
  const settings = [`baseurl=https://${place}`, 'repo_gpgcheck=1', `username=${username}`, `password=${login}`, `sslcacert=${ca}`]
  writeFileSync(join(repositories, 'tools.repo'), ['[tools]', 'name=tools', ...settings, ''].join('\n'), { mode: 0o600 })
  cpSync(join(root, 'rpms.asc'), join(folder, 'rpms.asc'))
  writeFileSync(join(folder, 'packages.txt'), 'greet\n')
  const mirror = { name: 'tools', ecosystem: 'rpm', list: 'packages.txt', repository: { from: 'tools', keys: ['rpms.asc'] } }
  const head = { apiVersion: 'sallyport/v1', kind: 'content', name: 'private', version: '1.0.0', sequence: 1, marking: { level: 'UNCLASSIFIED' } }
  writeFileSync(join(folder, 'bundle.yaml'), stringify({ ...head, targets: [{ os: 'debian', release: '13', architecture: 'amd64' }], mirrors: [mirror] }))
  const shell = `mount --bind "$1" ${REPOSITORIES} && shift && exec "$@"`
  const words = [process.execPath, CLI, 'build', folder, '-o', join(folder, 'out'), '--store', join(folder, 'store')]
  return new Promise((resolve) => {
    execFile('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', shell, 'sh', repositories, ...words], (error, stdout, stderr) => {
      resolve({ exit: typeof error?.code === 'number' ? error.code : error ? -1 : 0, said: `${stdout}${stderr}`, folder })
    })
  })
}

function assertSilent(folder: string, said: string): void {
  const made = ['out', 'store'].map((name) => join(folder, name)).filter((one) => existsSync(one))
  const files = made.flatMap((one) => readdirSync(one, { recursive: true, withFileTypes: true })).filter((one) => one.isFile())
  for (const text of [said, ...files.map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'latin1'))])
    for (const secret of [password, basic]) assert.ok(!text.includes(secret), 'the login is in what was made or said')
}

test('rpm is taken by dnf’s own login for a repository and its private root; the login is nowhere else', async () => {
  const { exit, said, folder } = await build('right', password, pki.ca)
  assert.equal(exit, 0, said)
  assert.ok(answered >= 4, `${answered} requests came with the login`)
  const packages = readdirSync(join(folder, 'out'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('bundle.json'))
  assert.equal(packages.length, 1)
  assert.match(readFileSync(join(folder, 'bundle.lock.yaml'), 'utf8'), /greet-words/)
  assertSilent(folder, said)
})

test('a wrong password, and a root that is not trusted, are said without the login', async () => {
  const wrong = await build('wrong', `${password}-not`, pki.ca)
  assert.equal(wrong.exit, UPSTREAM, wrong.said)
  assert.match(wrong.said, /E_UPSTREAM_LOGIN/)
  assertSilent(wrong.folder, wrong.said)
  // Some write it into the address: dnf repeats that in what it says.
  const inAddress = await build('in-address', `${password}-not`, pki.ca, `${username}:${password}@${server.host}`)
  assert.equal(inAddress.exit, UPSTREAM, inAddress.said)
  assert.match(inAddress.said, /E_UPSTREAM_LOGIN[^]*Status code: 401 for https:\/\/localhost/)
  assertSilent(inAddress.folder, inAddress.said)
  const untrusted = await build('untrusted', password, '/etc/ssl/certs/ca-certificates.crt')
  assert.equal(untrusted.exit, UPSTREAM, untrusted.said)
  assert.match(untrusted.said, /E_UPSTREAM_UNREACHABLE[^]*certificate/i)
  assertSilent(untrusted.folder, untrusted.said)
})
