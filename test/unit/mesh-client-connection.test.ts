import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createPrivateKey } from 'node:crypto'
import { createServer, type Server } from 'node:https'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Readable } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { after, before, test } from 'node:test'
import { Fault } from '../../src/bundle/fault.ts'
import { MeshClient } from '../../src/mesh-client/client.ts'
import type { AskPassphrase, Profile } from '../../src/mesh-client/profile.ts'
import { createPki, type Pki } from '../contract/mesh-pki.ts'

interface Seen {
  readonly path: string
  readonly person: string
  readonly authorization: string | undefined
  readonly body: string
}

let pki: Pki
let strangers: Pki
let server: Server
let seen: Seen[] = []
/** What the server answers by path. */
let answers: Record<string, { status: number; body: string }> = {}

const TOKEN = '/realms/mesh/protocol/openid-connect/token'
const signal = new AbortController().signal

before(async () => {
  pki = await createPki(['localhost', 'ann'])
  strangers = await createPki(['ann'])
  const { certificatePem, keyPem } = pki.issue('localhost')
  const tls = { cert: certificatePem, key: keyPem, ca: pki.caPem, requestCert: true, rejectUnauthorized: true }
  server = createServer({ ...tls, minVersion: 'TLSv1.3' }, async (request, response) => {
    const path = request.url ?? ''
    const person = String((request.socket as TLSSocket).getPeerCertificate().subject.CN)
    seen.push({ path, person, authorization: request.headers.authorization, body: await bodyOf(request) })
    const answer = answers[path] ?? { status: 404, body: '' }
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body)
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
})
after(() => {
  server.close()
  pki.remove()
  strangers.remove()
})

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}

function client(change: Partial<Profile> = {}, name = 'localhost', ask?: AskPassphrase): MeshClient {
  const { port } = server.address() as AddressInfo
  const url = new URL(`https://${name}:${port}`)
  const { certificatePem, keyPem } = pki.issue('ann')
  const person = { certificate: certificatePem, key: createPrivateKey(keyPem), ca: pki.caPem }
  const addresses = { localhost: '127.0.0.1', 'elsewhere.example': '127.0.0.1' }
  return new MeshClient({ controlPlane: url, identity: url, addresses, ...person, ...change }, signal, ask)
}

/** openssl prints `ACCEPT 127.0.0.1:PORT`. It ends with its input, and when nobody takes its output. */
function portOf(output: Readable): Promise<string> {
  let text = ''
  return new Promise((resolve, reject) => {
    output.on('end', () => reject(new Error(`openssl s_server ended: ${text}`)))
    output.on('data', (chunk) => {
      text += String(chunk)
      const port = /ACCEPT \S*:(\d+)/.exec(text)?.[1]
      if (port !== undefined) resolve(port)
    })
  })
}

function serve(more: Record<string, { status: number; body: string }>): void {
  seen = []
  answers = { [TOKEN]: { status: 200, body: '{"access_token":"t.o.k"}' }, ...more }
}

async function faultOf(work: Promise<unknown>): Promise<Fault> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof Fault, `expected a fault, got ${String(error)}`)
  return error
}

test('signs in once by certificate and carries the token', async () => {
  serve({ '/v1/catalog?q=a%26b': { status: 200, body: '{"count":0,"entries":[],"marking":"UNCLASSIFIED"}' } })
  const ann = client()
  assert.equal((await ann.catalog('a&b')).count, 0)
  await ann.catalog('a&b')
  assert.deepEqual(
    seen.map(({ path, person }) => [path.split('?')[0], person]),
    [
      [TOKEN, 'ann'],
      ['/v1/catalog', 'ann'],
      ['/v1/catalog', 'ann'],
    ],
  )
  assert.equal(seen[0]?.body, 'grant_type=password&client_id=mesh-cli')
  assert.equal(seen[0]?.authorization, undefined)
  assert.equal(seen[1]?.authorization, 'Bearer t.o.k')
})

test('the control plane’s refusal keeps its code, words and exit', async () => {
  const body = JSON.stringify({ code: 'E_MESH_DENIED', message: 'no', found: 'NATO', faults: ['one'] })
  serve({ '/v1/query': { status: 403, body } })
  const { code, exit, message, detail } = await faultOf(client().query({ product: 'a/b', sql: 'SELECT 1' }))
  assert.deepEqual([code, exit, message, detail.found, detail.faults], ['E_MESH_DENIED', 11, 'no', 'NATO', ['one']])
  assert.ok(detail.next)
})

test('an identity provider that gives no token is E_SIGN_IN, exit 11', async () => {
  serve({ [TOKEN]: { status: 401, body: '{"error":"invalid_grant","error_description":"Invalid user credentials"}' } })
  const { code, exit, detail } = await faultOf(client().catalog(''))
  assert.deepEqual([code, exit, detail.found], ['E_SIGN_IN', 11, 'invalid_grant: Invalid user credentials'])
})

test('each way to sign in has a client of its own, and secrets are asked for, once', async () => {
  serve({ '/v1/catalog': { status: 200, body: '{"count":0,"entries":[],"marking":"UNCLASSIFIED"}' } })
  const asked: string[] = []
  const ask = (question: string): Promise<string> => {
    asked.push(question)
    return Promise.resolve(question === 'One-time code' ? '123 456' : 'p+w&d')
  }
  await client({ login: 'otp' }, 'localhost', ask).catalog('')
  await client({ login: 'otp', username: 'another' }, 'localhost', ask).catalog('')
  await client({ login: 'partner' }, 'localhost', ask).catalog('')
  await client({ login: 'break-glass' }, 'localhost', ask).catalog('')
  assert.deepEqual(
    seen.filter(({ path }) => path === TOKEN).map(({ body }) => Object.fromEntries(new URLSearchParams(body))),
    [
      { grant_type: 'password', client_id: 'mesh-otp', username: 'ann', password: 'p+w&d', totp: '123456' },
      { grant_type: 'password', client_id: 'mesh-otp', username: 'another', password: 'p+w&d', totp: '123456' },
      { grant_type: 'password', client_id: 'mesh-partner' },
      { grant_type: 'password', client_id: 'mesh-break-glass', password: 'p+w&d' },
    ],
  )
  assert.deepEqual(asked, [
    ...['Password of ann', 'One-time code', 'Password of another', 'One-time code'],
    'Sealed password of the emergency account',
  ])
})

test('who is not let in by password and code is told what to do, and no secret is repeated', async () => {
  serve({ [TOKEN]: { status: 401, body: '{"error":"invalid_grant","error_description":"Invalid user credentials"}' } })
  const { code, message, detail } = await faultOf(client({ login: 'otp' }, 'localhost', () => Promise.resolve('hunter2')).catalog(''))
  assert.equal(code, 'E_SIGN_IN')
  assert.match(detail.next ?? '', /next code/)
  assert.doesNotMatch(JSON.stringify([message, detail]), /hunter2/)
})

test('a certificate that the TLS layer refuses is E_SIGN_IN', async () => {
  serve({})
  const { certificatePem, keyPem } = strangers.issue('ann')
  const { code, exit } = await faultOf(client({ certificate: certificatePem, key: createPrivateKey(keyPem) }).catalog(''))
  assert.deepEqual([code, exit], ['E_SIGN_IN', 11])
  assert.equal(seen.length, 0)
})

test('the same with a server that says so by an alert', async () => {
  const own = pki.files('localhost')
  const tls = ['-tls1_3', '-cert', own.certificate, '-key', own.key, '-CAfile', own.ca, '-Verify', '1', '-verify_return_error']
  const other = spawn('openssl', ['s_server', '-accept', '127.0.0.1:0', ...tls], { stdio: ['pipe', 'pipe', 'ignore'] })
  try {
    const identity = new URL(`https://localhost:${await portOf(other.stdout)}`)
    const { certificatePem, keyPem } = strangers.issue('ann')
    const stranger = { certificate: certificatePem, key: createPrivateKey(keyPem) }
    const { code, detail } = await faultOf(client({ ...stranger, identity }).catalog(''))
    assert.equal(code, 'E_SIGN_IN', detail.found)
  } finally {
    other.kill()
  }
})

test('a server of another authority or another name is E_SERVER_IDENTITY and learns nothing', async () => {
  serve({})
  assert.equal((await faultOf(client({ ca: strangers.caPem }).catalog(''))).code, 'E_SERVER_IDENTITY')
  assert.equal((await faultOf(client({}, 'elsewhere.example').catalog(''))).code, 'E_SERVER_IDENTITY')
  assert.equal(seen.length, 0)
})

test('an answer of something else is E_ANSWER', async () => {
  serve({ '/v1/catalog': { status: 200, body: '<html>' } })
  assert.equal((await faultOf(client().catalog(''))).code, 'E_ANSWER')
  serve({ '/v1/catalog': { status: 500, body: '{"code":"E_FROM_THE_FUTURE","message":"x"}' } })
  assert.match((await faultOf(client().catalog(''))).detail.found ?? '', /500.*E_FROM_THE_FUTURE/)
})

test('nothing that listens is E_UNREACHABLE; an interruption is passed on as it is', async () => {
  serve({})
  const nowhere = new URL('https://localhost:1')
  const { code, exit } = await faultOf(client({ identity: nowhere }).catalog(''))
  assert.deepEqual([code, exit], ['E_UNREACHABLE', 8])
})
