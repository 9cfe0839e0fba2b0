import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import ssh2 from 'ssh2'
import { Fault } from '../../src/bundle/fault.ts'
import { Connection } from '../../src/enclave/remote/connection.ts'
import { fingerprint, readHostKey } from '../../src/enclave/remote/host-key.ts'
import type { SiteHost } from '../../src/enclave/site/site.ts'
import { codesOf, temporary } from './bundle-fixture.ts'

const FAST = { connectMs: 5_000, commandMs: 1_000, outputBytes: 1_000 }

function newKey(): { secret: string; line: string } {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const secret = privateKey.export({ type: 'sec1', format: 'pem' }) as string
  const parsed = ssh2.utils.parseKey(secret)
  if (parsed instanceof Error) throw parsed
  return { secret, line: `${parsed.type} ${parsed.getPublicSSH().toString('base64')}` }
}

/** A real SSH server in this process: it takes one operator's key, and answers a few commands. */
async function host(t: TestContext) {
  const [own, operator] = [newKey(), newKey()]
  const server = new ssh2.Server({ hostKeys: [own.secret] }, (client) => {
    client.on('error', () => {})
    client.on('authentication', (attempt) => {
      const known = attempt.method === 'publickey' && `${attempt.key.algo} ${attempt.key.data.toString('base64')}` === operator.line
      if (known) attempt.accept()
      else attempt.reject(['publickey'])
    })
    client.on('session', (accept) => {
      accept().on('exec', (take, _refuse, { command }) => {
        const channel = take()
        const end = (code: number): void => {
          channel.exit(code)
          channel.end()
        }
        // The server's end of a channel closes with the client's: the answer is given with the first bytes.
        if (command === 'cat')
          channel.once('data', (chunk: Buffer) => {
            channel.write(chunk)
            end(0)
          })
        else if (command === 'flood') channel.write(Buffer.alloc(5_000, 'x'))
        else if (command !== 'hang') {
          channel.stderr.write('no such thing\n')
          end(3)
        }
      })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const identity = join(await temporary(t), 'key')
  await writeFile(identity, operator.secret, { mode: 0o600 })
  const described: SiteHost = { name: 'h1', address: '127.0.0.1', port, hostKeys: [own.line], roles: ['depot'] }
  return { described, identity, login: { user: 'root', identity } }
}

test('a host key is pinned only when it is the one that its administrator named', async (t) => {
  const { described } = await host(t)
  const [line = ''] = described.hostKeys
  assert.equal(await readHostKey(described, fingerprint(line), 5_000), line)
  for (const given of [undefined, 'SHA256:somethingelse'])
    await assert.rejects(readHostKey(described, given, 5_000), (error: Fault) => {
      assert.equal(error.code, 'E_HOST_KEY_UNCONFIRMED')
      assert.ok(error.detail.found?.includes(fingerprint(line)))
      return true
    })
})

test('another host key than the pinned one ends the connection before anything is said, and both are shown', async (t) => {
  const { described, login } = await host(t)
  const other = newKey().line
  await assert.rejects(Connection.open({ ...described, hostKeys: [other] }, login, FAST), (error: Fault) => {
    assert.deepEqual([error.code, error.detail.expected, error.detail.found], ['E_HOST_KEY', fingerprint(other), fingerprint(described.hostKeys[0] ?? '')])
    return true
  })
})

test('who is not the operator is not let in, and nobody answers where nobody is', async (t) => {
  const { described } = await host(t)
  const stranger = join(await temporary(t), 'key')
  await writeFile(stranger, newKey().secret)
  assert.deepEqual(await codesOf(Connection.open(described, { user: 'root', identity: stranger }, FAST)), ['E_HOST_LOGIN'])
  const silent = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => silent.once('listening', resolve))
  const { port } = silent.address() as AddressInfo
  await new Promise((resolve) => silent.close(resolve))
  assert.deepEqual(await codesOf(Connection.open({ ...described, port }, { user: 'root', identity: stranger }, FAST)), ['E_HOST_UNREACHABLE'])
})

test('a command gets its input, and its output and time are bounded', async (t) => {
  const { described, login } = await host(t)
  const connection = await Connection.open(described, login, FAST)
  t.after(() => connection.close())
  assert.equal(await connection.must('cat', { input: 'a secret that no list of processes shows' }), 'a secret that no list of processes shows')
  assert.deepEqual(await connection.exec('other'), { code: 3, stdout: '', stderr: 'no such thing\n' })
  for (const command of ['other', 'flood', 'hang']) assert.deepEqual(await codesOf(connection.must(command)), ['E_HOST_COMMAND'], command)
  connection.close()
  assert.deepEqual(await codesOf(connection.must('cat')), ['E_HOST_UNREACHABLE'])
})
