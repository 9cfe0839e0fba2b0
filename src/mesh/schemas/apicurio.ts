import type { Agent } from 'node:https'
import { fault } from '../codes.ts'
import type { MeshConfig } from '../config.ts'
import { call } from '../tls/call.ts'
import type { Call, CallAnswer } from '../tls/call.ts'
import { registryFault } from './registry.ts'
import type { SchemaPlace, SchemaRegistry } from './registry.ts'
import { writerToken } from './token.ts'

const LIMITS = { bytes: 1024 * 1024, milliseconds: 15_000 }
const API = '/apis/registry/v3'
/** More versions of one contract than anybody publishes. */
const MOST_VERSIONS = 10_000

/** Apicurio Registry, its v3 interface (3.0.9 and 3.3.3), as the confidential client that the realm made for it. */
export function apicurio(config: NonNullable<MeshConfig['schemaRegistry']>, agent: Agent): SchemaRegistry {
  const token = writerToken(config, agent)
  const send = async (method: Call['method'], path: string, body?: unknown): Promise<CallAnswer> => {
    const authorization = `Bearer ${await token.get()}`
    const answer = await call(
      {
        url: new URL(`${API}${path}`, config.url),
        method,
        headers: { authorization, ...(body !== undefined && { 'content-type': 'application/json' }) },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      },
      agent,
      LIMITS,
    ).catch((cause: unknown) => {
      throw registryFault('the schema registry does not answer', String(cause), cause)
    })
    // A key of the realm may have been replaced: the next call asks for another token.
    if (answer.status === 401) token.forget()
    return answer
  }
  const artifacts = ({ domain }: SchemaPlace): string => `/groups/${domain}/artifacts`
  const versionsOf = (place: SchemaPlace): string => `${artifacts(place)}/${place.product}/versions`
  return {
    async versions(place) {
      const answer = await send('GET', `${versionsOf(place)}?limit=${MOST_VERSIONS}`)
      if (answer.status === 404) return []
      const { versions } = expect(answer, 200) as { versions: readonly { version: string; state: string }[] }
      return versions.map(({ version, state }) => ({ version, deprecated: state === 'DEPRECATED' }))
    },
    async register(place, version, schema) {
      const content = { version, content: { content: schema, contentType: 'application/json' } }
      const added = await send('POST', versionsOf(place), content)
      const answer =
        added.status === 404
          ? await send('POST', artifacts(place), { artifactId: place.product, artifactType: 'JSON', firstVersion: content })
          : added
      const broken = brokenRule(answer)
      if (broken !== undefined) throw fault('E_MESH_INCOMPATIBLE', `version ${version} breaks its consumers`, { faults: broken })
      expect(answer, 200)
    },
    async withdraw(place, version) {
      expect(await send('DELETE', `${versionsOf(place)}/${version}`), 204, 404)
    },
    async deprecate(place, version) {
      expect(await send('PUT', `${versionsOf(place)}/${version}/state`, { state: 'DEPRECATED' }), 204)
    },
    async check() {
      const rules = expect(await send('GET', '/admin/rules'), 200) as readonly string[]
      for (const rule of ['COMPATIBILITY', 'VALIDITY']) {
        if (!rules.includes(rule)) throw registryFault(`the rule ${rule} is off in the schema registry`, rules.join(', '))
      }
      return `rules ${rules.toSorted().join(', ')}`
    },
  }
}

/** The reasons of a rule that says no: 409 in Apicurio 3.0, 400 since 3.1; undefined for any other answer. */
function brokenRule({ status, text }: CallAnswer): readonly string[] | undefined {
  if (status !== 409 && status !== 400) return undefined
  const { name, title, causes } = parsed(text) as {
    name?: string
    title?: string
    causes?: readonly { description?: string; context?: string }[]
  }
  if (name !== 'RuleViolationException') return undefined
  if (causes === undefined || causes.length === 0) return [title ?? 'a rule of the registry']
  return causes.map(({ description = 'broken', context = '/' }) => `${context}: ${description}`)
}

function expect(answer: CallAnswer, ...statuses: readonly number[]): unknown {
  if (statuses.includes(answer.status)) return parsed(answer.text)
  const { title } = parsed(answer.text) as { title?: string }
  throw registryFault('the schema registry refused', `status ${answer.status}${title === undefined ? '' : `: ${title}`}`)
}

function parsed(text: string): unknown {
  try {
    return text === '' ? {} : JSON.parse(text)
  } catch {
    return {}
  }
}
