import { fault } from '../codes.ts'
import { changesOf, type Changes } from './changes.ts'

/** One line of what a service may do: a port, a caller, a right. `topic` says which. */
export interface Right {
  readonly service: string
  readonly topic: 'port' | 'caller' | 'account' | 'privilege' | 'setting'
  readonly name: string
  readonly value: string
}

interface Rule {
  readonly caller: string
  readonly methods?: readonly string[]
  readonly paths?: readonly string[]
}

interface Listen {
  readonly name: string
  readonly port: number
  readonly lastPort?: number
  readonly bind: string
  readonly protocol: string
  readonly terminates?: string
  readonly client?: string
  readonly callers?: readonly (string | Rule)[]
}

type Service = Readonly<Record<string, unknown>> & { readonly listens?: readonly Listen[] }

/** Of services.json, what decides with which rights a program runs. */
const PRIVILEGES = new Set(['capabilities', 'network'])
const ACCOUNTS = new Set(['uid', 'user'])

/** Ports, callers, accounts, privileges and settings that `group_vars/all/services.json` of the infrastructure gives. */
export function serviceChanges(before: string | undefined, after: string | undefined): Changes<Right> {
  return changesOf(rightsOf(before), rightsOf(after), (a, b) => a.value === b.value)
}

function parsed(text: string | undefined): Record<string, Service> {
  try {
    return (JSON.parse(text ?? '{}') as { services?: Record<string, Service> }).services ?? {}
  } catch (cause) {
    throw fault('E_EVIDENCE_INVALID', 'group_vars/all/services.json of the infrastructure is not JSON', {
      next: 'Correct the file in the definition and build again; of a bundle by someone else, ask its publisher.',
      cause,
    })
  }
}

/** By service, topic and name; empty when there is no such file. @throws E_EVIDENCE_INVALID */
export function rightsOf(text: string | undefined): Map<string, Right> {
  const services = parsed(text)
  const rights = new Map<string, Right>()
  const add = (right: Right): void => void rights.set(`${right.service} ${right.topic} ${right.name}`, right)
  for (const [service, { listens = [], ...fields }] of Object.entries(services)) {
    for (const listen of listens) {
      const { name, port, lastPort, bind, protocol, terminates, client, callers = [] } = listen
      const range = lastPort === undefined ? String(port) : `${port}-${lastPort}`
      const where = bind === 'loopback' ? 'on loopback only' : 'on the host’s address'
      const ends = terminates === undefined ? '' : `, TLS ends in the ${terminates}`
      add({ service, topic: 'port', name, value: `${range}/tcp ${protocol} ${where}${ends}${client === undefined ? '' : ', client certificate optional'}` })
      for (const one of callers) {
        const { caller, methods, paths } = typeof one === 'string' ? { caller: one } : one
        add({ service, topic: 'caller', name: `${name} ← ${caller}`, value: [methods?.join(' ') ?? 'any method', paths?.join(' ') ?? 'any path'].join(' on ') })
      }
    }
    for (const [name, value] of Object.entries(fields)) {
      const topic = PRIVILEGES.has(name) ? 'privilege' : ACCOUNTS.has(name) ? 'account' : 'setting'
      add({ service, topic, name, value: typeof value === 'string' ? value : JSON.stringify(value) })
    }
  }
  return rights
}
