import { readFileSync } from 'node:fs'
import { readFile, mkdir, writeFile } from 'node:fs/promises'
import { Agent, request } from 'node:https'
import { join } from 'node:path'
import { DOMAIN, profileOf } from '../../../src/demo/organisation.ts'
import type { PersonId } from '../../../src/demo/people.ts'
import { sallyport, type Ended } from '../../../src/demo/sallyport.ts'
import { PLACES } from './enclave.ts'
import type { Identity } from './mutual-tls.ts'
import { at } from './workshop.ts'

const IMAGERY = new URL('../../../bundles/mesh/products/imagery-annotation-layer/', import.meta.url)

/** A product of this journey's own, so that no other journey sees another version of theirs. */
export const TRIAL = 'geoint/schema-trial'

/** Publishes version `version` of it; `change` may change the contract. */
export async function publishTrial(version: string, change: (contract: string) => string = (text) => text, person: PersonId = 'p.ortega'): Promise<Ended> {
  const text = readFileSync(new URL('contract.yaml', IMAGERY), 'utf8')
    .replace(/^id: .*$/m, 'id: 0a5d2f5e-54ce-4c53-8a4f-9f3c6a2f7c01')
    .replace('name: imagery-annotation-layer', 'name: schema-trial')
    .replace(/^version: .*$/m, `version: ${version}`)
    // Seen by its own domain only: no other journey's catalog has one more product.
    .replaceAll('categories: []', 'categories: [AZURE]')
  const file = at('schema-trial', 'contract.yaml')
  await mkdir(at('schema-trial'), { recursive: true })
  await writeFile(file, change(text))
  const data = new URL('records.ndjson', IMAGERY).pathname
  return sallyport(['mesh', 'publish', file, '--data', data, '--profile', profileOf(PLACES, person)])
}

/** Every record of the trial has the field; consumers were never promised it. */
export const demanding = (text: string): string =>
  text.replace('{name: created_by_ref, logicalType: string,', '{name: created_by_ref, logicalType: string, required: true,')

/** One more field, which nobody needs. */
export const growing = (text: string): string =>
  text.replace('    properties:\n', '    properties:\n      - {name: sensor, logicalType: string, description: Kind of the sensor}\n')

/** Longer than the proxy waits for a service that says nothing any more. */
const SILENCE_MS = 60_000

export interface Asked {
  readonly status: number
  readonly text: string
}

/** One request to a service of the enclave's host, with this certificate or none. Rejects when TLS refuses it. */
export async function ask(
  address: string,
  service: string,
  port: number,
  identity: Identity | undefined,
  {
    path,
    method = 'GET',
    token,
    body,
    form,
    headers: more = {},
  }: { path: string; method?: string; token?: string; body?: unknown; form?: Readonly<Record<string, string>>; headers?: Readonly<Record<string, string>> },
): Promise<Asked> {
  const name = `${service}.${DOMAIN}`
  const agent = new Agent({
    ca: await readFile(join(PLACES.pki, 'root.pem')),
    servername: name,
    minVersion: 'TLSv1.3',
    ...(identity !== undefined && { key: identity.key, cert: identity.certificate }),
  })
  const json = body === undefined ? undefined : JSON.stringify(body)
  const text = form === undefined ? json : new URLSearchParams(form).toString()
  const headers = {
    ...more,
    host: `${name}:${port}`,
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(text !== undefined && { 'content-type': form === undefined ? 'application/json' : 'application/x-www-form-urlencoded', 'content-length': String(Buffer.byteLength(text)) }),
  }
  return new Promise((resolve, reject) => {
    const sent = request({ host: address, port, path, method, agent, headers, timeout: SILENCE_MS }, (answer) => {
      let got = ''
      answer.on('data', (part) => (got += part))
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text: got }))
      answer.on('error', reject)
    })
    sent.on('timeout', () => sent.destroy(new Error(`${name} said nothing for ${SILENCE_MS} ms`)))
    sent.on('error', reject)
    sent.end(text)
  })
}
