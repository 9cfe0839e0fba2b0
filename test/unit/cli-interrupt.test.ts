import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { stringify } from 'yaml'
import { newAuthority, newPerson, openIssuer } from '../../src/enclave/pki/authority.ts'

const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname

test('an interrupt ends a command that waits for the network, with exit 12 and its own words', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'interrupt-'))
  const silent = createServer(() => undefined).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const { port } = silent.address() as { port: number }
  const now = new Date()
  const files = await newAuthority(folder, { organisation: 'Test', passphrase: 'a passphrase of a test', now })
  const person = await newPerson(await openIssuer(files, 'a passphrase of a test', now), { id: 'ana', organisation: 'Test', days: 1, now })
  writeFileSync(join(folder, 'ana.key'), person.key, { mode: 0o600 })
  writeFileSync(join(folder, 'ana.pem'), person.certificate)
  const address = `https://silent.example:${port}`
  const profile = { apiVersion: 'sallyport/v1', kind: 'profile', controlPlane: address, identity: address, ca: 'root.pem', certificate: 'ana.pem', key: 'ana.key', addresses: { 'silent.example': '127.0.0.1' } }
  writeFileSync(join(folder, 'profile.yaml'), stringify(profile))
  const child = spawn(process.execPath, [MAIN, 'mesh', 'catalog', '--profile', join(folder, 'profile.yaml')], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk) => (said += String(chunk)))
  await once(silent, 'connection')
  child.kill('SIGINT')
  const [status] = (await once(child, 'exit')) as [number]
  silent.close()
  rmSync(folder, { recursive: true })
  assert.equal(status, 12, said)
  assert.match(said, /E_INTERRUPTED/)
})
