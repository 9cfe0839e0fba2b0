import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import { Fault } from '../../src/bundle/fault.ts'
import { operatorKey } from '../../src/enclave/remote/operator-key.ts'
import { certifyUser, publicLine, type Signer } from '../../src/enclave/remote/user-certificate.ts'
import { codesOf, temporary } from './bundle-fixture.ts'

const KEYS = [['ed25519'], ['ecdsa', '-b', '384'], ['ecdsa', '-b', '521'], ['rsa', '-b', '3072']]

/** What OpenSSH itself reads in a certificate; it refuses one whose signature is wrong. */
async function shown(folder: string, signer: Signer): Promise<string> {
  const key = publicLine(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey)
  const line = await certifyUser(
    {
      key,
      keyId: 'sallyport plan abc',
      principals: ['sallyport-site'],
      validAfter: new Date('2026-11-22T10:00:00Z'),
      validBefore: new Date('2026-11-22T18:00:00Z'),
      sourceAddress: '192.0.2.2',
    },
    signer,
  )
  const path = join(folder, 'key-cert.pub')
  await writeFile(path, `${line}\n`)
  return execFileSync('ssh-keygen', ['-L', '-f', path], { encoding: 'utf8', env: { ...process.env, TZ: 'UTC' } })
}

function check(text: string): void {
  for (const part of [
    /user certificate/,
    /Key ID: "sallyport plan abc"/,
    /from 2026-11-22T10:00:00 to 2026-11-22T18:00:00/,
    /Principals: \n\s+sallyport-site\n/,
    /source-address 192\.0\.2\.2/,
    /Extensions: \(none\)/,
  ])
    assert.match(text, part)
}

/** The socket’s file is there before anybody listens at it. */
async function answers(socket: string): Promise<boolean> {
  const connection = connect(socket)
  return once(connection, 'connect')
    .then(
      () => true,
      () => false,
    )
    .finally(() => connection.destroy())
}

test('OpenSSH takes certificates signed by every kind of operator’s key, from a file and from an agent', async (t) => {
  const folder = await temporary(t)
  for (const [at, words] of KEYS.entries()) {
    const path = join(folder, `operator-${at}`)
    execFileSync('ssh-keygen', ['-q', '-t', ...words, '-N', at === 0 ? 'open sesame' : '', '-f', path])
    const text = await shown(folder, await operatorKey({ user: 'root', identity: path, ...(at === 0 ? { passphrase: 'open sesame' } : {}) }))
    check(text)
    if (words[0] === 'rsa') assert.match(text, /using rsa-sha2-512/)
    const socket = join(folder, `agent-${at}`)
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' })
    const ended = once(agent, 'exit')
    try {
      for (let tries = 0; tries < 500 && !(await answers(socket)); tries += 1) await sleep(20)
      assert.deepEqual(await codesOf(operatorKey({ user: 'root', agent: socket })), ['E_HOST_LOGIN'], 'an empty agent')
      const env = { ...process.env, SSH_AUTH_SOCK: socket }
      if (at > 0) execFileSync('ssh-add', ['-q', path], { env, stdio: ['ignore', 'ignore', 'ignore'] })
      if (at > 0) check(await shown(folder, await operatorKey({ user: 'root', agent: socket })))
    } finally {
      agent.kill()
      await ended
    }
  }
})

test('an altered signature is noticed, and an identity that holds no private key is refused', async (t) => {
  const folder = await temporary(t)
  const path = join(folder, 'operator')
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path])
  const signer = await operatorKey({ user: 'root', identity: path })
  const broken: Signer = { ...signer, sign: async (data) => (await signer.sign(data)).map((byte, at, all) => (at === all.length - 1 ? byte ^ 1 : byte)) as Buffer }
  await assert.rejects(shown(folder, broken))
  await writeFile(join(folder, 'public'), await readFile(`${path}.pub`))
  assert.deepEqual(await codesOf(operatorKey({ user: 'root', identity: join(folder, 'public') })), ['E_HOST_LOGIN'])
})

test('an agent where nobody answers, or an identity file that is not there, is told as such', async (t) => {
  const folder = await temporary(t)
  for (const login of [{ agent: join(folder, 'gone') }, { identity: join(folder, 'gone') }])
    await assert.rejects(operatorKey({ user: 'root', ...login }), (error) => error instanceof Fault && error.code === 'E_HOST_LOGIN' && /nobody answers|ENOENT/.test(String(error.detail.found)))
})
