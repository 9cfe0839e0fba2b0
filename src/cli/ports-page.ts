import file from '../../ansible/group_vars/all/services.json' with { type: 'json' }

/** One entry of a listener's allow-list. `paths` are exact, or end with `/*` for everything below. */
export interface Rule {
  readonly caller: string
  readonly methods?: readonly string[]
  readonly paths?: readonly string[]
  /** Loopback port that these paths lead to instead of the listener's. */
  readonly upstream?: number
  /** What the proxy itself says to the service on these paths. */
  readonly headers?: Readonly<Record<string, string>>
}

export interface Listen {
  readonly name: string
  readonly port: number
  readonly lastPort?: number
  readonly bind: 'address' | 'loopback'
  readonly protocol: string
  readonly terminates?: 'proxy' | 'service'
  readonly upstream?: number
  readonly verbatim?: true
  readonly health?: string
  readonly client?: 'optional'
  readonly hosts?: 'several'
  readonly callers: readonly (string | Rule)[]
}

export interface Variant {
  readonly title: string
  readonly image?: string
  readonly uid?: number
  readonly network?: string
  readonly listens: readonly string[]
}

export interface Service {
  readonly title: string
  readonly role?: string
  readonly image?: string
  readonly unit?: string
  readonly user?: string
  readonly uid?: number
  readonly memory?: string
  readonly network?: string
  readonly capabilities?: readonly string[]
  readonly listens: readonly Listen[]
  readonly variants?: Readonly<Record<string, Variant>>
}

/** `ansible/services.schema.json` says what may stand in the file; a test holds it against that. */
export const SERVICES = file.services as unknown as Readonly<Record<string, Service>>

/** A caller without further words may do everything. */
export function ruleOf(caller: string | Rule): Rule {
  return typeof caller === 'string' ? { caller } : caller
}

const WITH: Readonly<Record<string, string>> = {
  'https proxy': 'HTTPS, TLS 1.3; certificate of the organisation',
  'https service': 'HTTPS, TLS 1.3, ended by the service; certificate of the organisation',
  'postgresql service': 'PostgreSQL, TLS 1.3, ended by PostgreSQL; certificate of the organisation',
  'ssh service': 'SSH; key of an operator, or a certificate of hours for the depot',
  'ceph-msgr2 service': 'Ceph messenger 2, encrypted; key of the Ceph cluster',
}

/** `docs/reference/ports.md`: the one list that a port scan and a look at the processes are compared with. */
export function portsPage(note: string): string {
  const all = Object.entries(SERVICES).flatMap(([name, service]) => service.listens.map((listen) => ({ name, service, listen })))
  const byPort = all.toSorted((a, b) => a.listen.port - b.listen.port)
  const open = byPort.filter(({ listen }) => listen.bind === 'address')
  const inner = byPort.filter(({ listen }) => listen.bind === 'loopback')
  return [
    '# Ports, callers, privileges',
    note,
    'Made from `ansible/group_vars/all/services.json`; the proxy, the packet filter, certificates and tests are made from it or compared with it. Other TCP ports are closed, other callers are refused and logged. No UDP.',
    '## On the address of a host',
    'A port is open on a host that holds the service, and, where the proxy is in front (`proxy`) or hands on (PostgreSQL), on every host of an enclave that has the service anywhere.',
    table(
      ['port', 'service', 'on hosts with', 'with what', 'TLS ends in', 'who may call'],
      open.map(({ name, service, listen }) => [
        ports(listen),
        `${name}: ${listen.name}`,
        `${service.role ?? 'any role'}${listen.hosts === 'several' ? ', if several' : ''}`,
        `${WITH[`${listen.protocol} ${listen.terminates}`]}${listen.client === 'optional' ? ', not demanded' : ''}`,
        listen.terminates === 'proxy' ? 'proxy' : 'service',
        listen.callers.map((caller) => callerText(ruleOf(caller))).join('; '),
      ]),
    ),
    '`person`: any certificate of the organisation that is no service’s. `operator`: a person with `operator: true` in site.yaml. `host`: a host’s own certificate. The proxies of an enclave also ask each other `GET /.sallyport/health` on every port of theirs.',
    '## On the loopback address',
    'Plain, for the proxy (uid ' + String(SERVICES['proxy']?.uid) + ') and root alone: the packet filter turns every other user away.',
    table(
      ['port', 'service', 'protocol', 'health'],
      inner.map(({ name, listen }) => [ports(listen), `${name}: ${listen.name}`, listen.protocol, listen.health ?? '']),
    ),
    '## Privileges',
    'Every container: read-only root file system, no capabilities but those listed, no new privileges, its own user, its own network that no other container reaches unless it says `host`.',
    table(
      ['service', 'what', 'unit', 'image', 'user', 'network', 'capabilities', 'memory'],
      Object.entries(SERVICES)
        .filter(([, service]) => service.unit !== undefined)
        .flatMap(([name, service]) => [
          privileges(name, service),
          ...Object.entries(service.variants ?? {}).map(([key, variant]) => privileges(`${name} (${key})`, { ...service, ...variant, listens: [] })),
        ]),
    ),
  ].join('\n\n') + '\n'
}

function privileges(name: string, service: Service): string[] {
  return [
    name,
    service.title,
    `\`${service.unit}\``,
    service.image ?? 'Debian package',
    service.user ?? String(service.uid),
    service.user === undefined ? (service.network ?? 'own') : 'host',
    service.user === undefined ? (service.capabilities ?? ['none']).join(', ') : 'of Debian’s unit',
    service.memory ?? '',
  ]
}

function ports({ port, lastPort }: Listen): string {
  return lastPort === undefined ? String(port) : `${port} to ${lastPort}`
}

function callerText({ caller, methods, paths, headers = {} }: Rule): string {
  const said = Object.entries(headers).map(([name, value]) => `as \`${name}: ${value}\``)
  const words = [methods?.join(' '), paths?.map((path) => `\`${path}\``).join(' '), ...said].filter((word) => word !== undefined)
  return words.length === 0 ? caller : `${caller} (${words.join(' ')})`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`).join('\n')
}
