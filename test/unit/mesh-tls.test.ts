import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { Server } from 'node:https'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MeshAgent } from '../../src/mesh/tls/agent.ts'
import { call } from '../../src/mesh/tls/call.ts'
import { tlsMaterial } from '../../src/mesh/tls/material.ts'
import type { TlsFiles } from '../../src/mesh/tls/material.ts'
import { createPki } from '../contract/mesh-pki.ts'

const pki = await createPki(['localhost', 'first', 'second'])
const folder = mkdtempSync(join(tmpdir(), 'mesh-tls-'))
after(() => {
  pki.remove()
  rmSync(folder, { recursive: true, force: true })
})

/** As the role `certificates` hands them out: a folder a generation, and a link that is swapped by one rename. */
function handOut(generation: string, name: string): TlsFiles {
  const to = join(folder, generation)
  mkdirSync(to)
  const { keyPem, certificatePem } = pki.issue(name)
  for (const [file, text] of [['key.pem', keyPem], ['cert.pem', certificatePem], ['ca.pem', pki.caPem], ['crl.pem', '']] as const) {
    writeFileSync(join(to, file), text)
  }
  symlinkSync(generation, join(folder, 'next'))
  renameSync(join(folder, 'next'), join(folder, 'current'))
  const at = (file: string): string => join(folder, 'current', file)
  return { key: at('key.pem'), certificate: at('cert.pem'), ca: at('ca.pem'), crl: at('crl.pem') }
}

test('a renewed certificate is shown on the next connection, without a restart; an empty list of revocations is none', async () => {
  const files = handOut('1', 'first')
  const material = tlsMaterial(files)
  assert.deepEqual([material().cert, material().crl], [pki.issue('first').certificatePem, undefined])
  const { server, url } = await listen()
  const agent = new MeshAgent(material)
  const who = async (): Promise<string> => (await call({ url, method: 'GET' }, agent, { bytes: 1000, milliseconds: 5000 })).text
  assert.equal(await who(), 'first')
  handOut('2', 'second')
  rmSync(join(folder, '1'), { recursive: true })
  await sleep(1100)
  assert.equal(material().key, pki.issue('second').keyPem)
  // The connection that is open goes on to its end; a new one shows the new certificate.
  server.closeIdleConnections()
  assert.equal(await who(), 'second')
  agent.destroy()
  server.close()
})

test('while the files cannot be read, the last whole set stays; without any, it is an error', async () => {
  const files = handOut('3', 'first')
  const material = tlsMaterial(files)
  assert.match(material().ca, /BEGIN CERTIFICATE/)
  rmSync(join(folder, '3'), { recursive: true })
  await sleep(1100)
  assert.equal(material().key, pki.issue('first').keyPem)
  assert.throws(() => tlsMaterial(files)(), /ENOENT/)
})

test('an answer that is too long or too late is an error', async () => {
  const material = tlsMaterial(handOut('4', 'first'))
  const { server, url } = await listen()
  const agent = new MeshAgent(material)
  await assert.rejects(call({ url, method: 'GET' }, agent, { bytes: 2, milliseconds: 5000 }), /larger than 2 bytes/)
  await assert.rejects(call({ url: new URL('/late', url), method: 'GET' }, agent, { bytes: 100, milliseconds: 100 }), /no answer within 100 ms/)
  agent.destroy()
  server.closeAllConnections()
  server.close()
})

async function listen(): Promise<{ server: Server; url: URL }> {
  const { key, certificate } = pki.files('localhost')
  const options = { key: readFileSync(key), cert: readFileSync(certificate), ca: pki.caPem, requestCert: true, rejectUnauthorized: true }
  const server = createServer(options, (request, response) => {
    const { CN } = (request.socket as unknown as { getPeerCertificate(): { subject: { CN: string } } }).getPeerCertificate().subject
    if (request.url !== '/late') response.end(CN)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, url: new URL(`https://localhost:${(server.address() as { port: number }).port}/`) }
}
