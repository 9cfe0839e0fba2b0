import { createHmac, createPrivateKey, X509Certificate } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { profileOf } from '../../../src/demo/organisation.ts'
import type { Lab } from '../../../src/lab/lab.ts'
import { MeshClient } from '../../../src/mesh-client/client.ts'
import { readProfile, type Login } from '../../../src/mesh-client/profile.ts'
import { onHost, PLACES } from './enclave.ts'
import type { Identity } from './mutual-tls.ts'
import { ask } from './registry.ts'

export const TOKEN = '/realms/mesh/protocol/openid-connect/token'
const STEP_MS = 30_000

export interface Answered {
  readonly status: number
  /** Claims of the token; undefined when there is none. */
  readonly claims: Readonly<Record<string, unknown>> | undefined
  readonly text: string
}

/** One request for a token, with this certificate or none. */
export async function tokenFor(address: string, identity: Identity | undefined, form: Readonly<Record<string, string>>, headers = {}): Promise<Answered> {
  const asked = { path: TOKEN, method: 'POST', form: { grant_type: 'password', ...form }, headers }
  const { status, text } = await ask(address, 'keycloak', 8444, identity, asked)
  const token = status === 200 ? (JSON.parse(text) as { access_token?: string }).access_token : undefined
  const claims = token === undefined ? undefined : (JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Answered['claims'])
  return { status, claims, text }
}

/** `x5t#S256` of the leaf. */
export const boundTo = ({ certificate }: Identity): string =>
  Buffer.from(new X509Certificate(certificate).fingerprint256.replaceAll(':', ''), 'hex').toString('base64url')

/** One-time codes (RFC 6238) of what an enrolment printed, computed apart from Keycloak. */
export function codesOf(otpauth: string): { fresh(): Promise<string> } {
  const { searchParams } = new URL(otpauth)
  const bits = [...(searchParams.get('secret') ?? '')].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('')
  const seed = Buffer.from((bits.match(/.{8}/g) ?? []).map((octet) => Number.parseInt(octet, 2)))
  const algorithm = (searchParams.get('algorithm') ?? '').toLowerCase()
  return {
    /**
     * A code of a step that has just begun, so that it is neither used nor late. Never at once: two failures within a second
     * let an account rest for a minute.
     */
    async fresh() {
      const left = STEP_MS - (Date.now() % STEP_MS)
      await pause((left < 3000 ? left + STEP_MS : left) + 500)
      const counter = Buffer.alloc(8)
      counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / STEP_MS)))
      const digest = createHmac(algorithm, seed).update(counter).digest()
      const offset = (digest.at(-1) ?? 0) & 15
      return String((digest.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0')
    },
  }
}

/** The mesh as somebody sees it who signs in this way; `answers` are given to its questions in turn. */
export async function signedIn(identity: Identity, how: { login: Login; username?: string }, answers: readonly string[]): Promise<MeshClient> {
  const profile = await readProfile(profileOf(PLACES, 's.analyst'), () => Promise.reject(new Error('no passphrase')))
  const left = [...answers]
  const own = { certificate: identity.certificate, key: createPrivateKey(identity.key) }
  return new MeshClient({ ...profile, ...own, ...how }, AbortSignal.timeout(60_000), () => Promise.resolve(left.shift() ?? ''))
}

/** Keycloak's role as the depot has it, for a site of another ceiling; the next convergence takes it back. */
export async function withCeiling(lab: Lab, ceiling: string): Promise<void> {
  const play = JSON.stringify([{ hosts: 'keycloak', gather_facts: false, roles: ['keycloak'] }])
  const change = `import json, sys; v = json.load(open(sys.argv[1])); v['sallyport_site']['ceiling'] = '${ceiling}'; json.dump(v, open('/run/ceiling.json', 'w'))`
  await onHost(
    lab,
    [
      'cd /var/lib/sallyport/current/iac/ansible',
      `echo '${play}' > /run/ceiling.yml`,
      'J=$(dirname $(ls -t /var/lib/sallyport/journal/*/inventory.json | head -1))',
      `python3 -c "${change}" $J/variables-site.json`,
      'ANSIBLE_ROLES_PATH=roles ansible-playbook -i $J/inventory.json -e @group_vars/all/services.json -e @/run/ceiling.json /run/ceiling.yml',
      'rm /run/ceiling.*',
    ].join(' && '),
  )
}
