import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { build, commandsDuring, privateUpstream, UPSTREAM, type Private } from './source-organisation.ts'
import { HELD } from './source-upstreams.ts'

const ECOSYSTEMS = Object.keys(HELD)
let upstream: Private

before(async () => {
  upstream = await privateUpstream(ECOSYSTEMS)
})
after(() => upstream.close())

function assertSilent(text: string, where: string): void {
  for (const secret of upstream.secrets) assert.ok(!text.includes(secret), `the login is in ${where}`)
}
function assertNowhereBelow(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  for (const { parentPath, name } of files) assertSilent(readFileSync(join(parentPath, name), 'latin1'), join(parentPath, name))
  return files.length
}

test('every source takes from a private upstream by its own client’s login and a private root; the login is nowhere else', async () => {
  const { result, commands } = await commandsDuring(() => build(upstream.define('all', ECOSYSTEMS), upstream.login()))
  const { exit, said } = result
  assert.equal(exit, 0, said)
  for (const ecosystem of ECOSYSTEMS) assert.ok(upstream.asks(new RegExp(`^/${ecosystem}/`)) > 0, `${ecosystem} was not asked: ${said}`)
  assertSilent(said, 'what was printed')
  assert.ok([...commands].some((words) => words.includes('npm')) && [...commands].some((words) => words.includes('pip')), 'no client was seen at work')
  for (const words of commands) assertSilent(words, 'an argument list')
  assert.ok(assertNowhereBelow(join(upstream.root, 'all')) > 50, 'too little was looked through')
})

test('a wrong password, and a root that is not trusted, are said without the login', async () => {
  for (const ecosystem of ECOSYSTEMS) {
    const wrong = await build(upstream.define(`wrong-${ecosystem}`, [ecosystem]), upstream.login('-not'))
    assert.equal(wrong.exit, UPSTREAM, `${ecosystem}: ${wrong.said}`)
    assert.match(wrong.said, /E_UPSTREAM_LOGIN/, `${ecosystem}: ${wrong.said}`)
    assertSilent(wrong.said, `what ${ecosystem} printed`)
  }
  const untrusted = { ...upstream.login(), SSL_CERT_FILE: '/etc/ssl/certs/ca-certificates.crt', PIP_CERT: '/etc/ssl/certs/ca-certificates.crt' }
  for (const ecosystem of ['go', 'maven']) {
    const { exit, said } = await build(upstream.define(`untrusted-${ecosystem}`, [ecosystem]), untrusted)
    assert.equal(exit, UPSTREAM, `${ecosystem}: ${said}`)
    assert.match(said, /E_UPSTREAM_UNREACHABLE/, `${ecosystem}: ${said}`)
    assertSilent(said, `what ${ecosystem} printed`)
  }
})
