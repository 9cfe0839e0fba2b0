import { fault } from '../codes.ts'
import type { DepotState } from '../depot/state.ts'
import { parseState } from '../depot/state.ts'
import { readFloors, type Floors } from '../floor/floors.ts'
import type { HostPaths } from '../paths.ts'

/** What a host says of itself before anything is on it but sshd and coreutils. Sizes in bytes, time in seconds. */
export interface Facts {
  readonly os: string
  readonly release: string
  readonly machine: string
  readonly root: boolean
  readonly systemd: boolean
  readonly clock: number
  readonly memory: number
  /** Free bytes where the depot and the service data will lie. */
  readonly freeDepot: number
  readonly freeData: number
  readonly sameDisk: boolean
  /** TCP ports somebody listens on. */
  readonly listening: readonly number[]
  readonly nginx: boolean
  /** Containers that have a unit here. When there are any, an earlier attempt came so far: what listens is theirs. */
  readonly containers: readonly string[]
  readonly state?: DepotState
  readonly floors: Floors
  readonly policy?: string
  /** Ids of the laid out releases that carry Ansible. */
  readonly converging: readonly string[]
  /** The plan the engine has not finished. */
  readonly active?: string
}

/** One POSIX sh script: a fresh host has no Python and nothing of ours. */
export function factsScript(paths: HostPaths): string {
  return `set -u
section() { printf '\\n@@%s\\n' "$1"; }
near() { d="$1"; while [ ! -d "$d" ]; do d="\${d%/*}"; [ -n "$d" ] || d=/; done; df -Pk "$d" | tail -n 1; }
section os; cat /etc/os-release
section machine; uname -m
section uid; id -u
section systemd; [ -d /run/systemd/system ] && echo yes || echo no
section clock; date -u +%s
section memory; grep -E '^Mem(Total|Available):' /proc/meminfo
section freeDepot; near ${paths.depot}
section freeData; near ${paths.data}
section tcp; cat /proc/net/tcp /proc/net/tcp6 2>/dev/null
section nginx; [ -x /usr/sbin/nginx ] && echo yes || echo no
section containers; ls ${paths.quadlets}/*.container 2>/dev/null
section state; [ ! -f ${paths.state} ] || cat ${paths.state}
section floors; [ ! -f ${paths.floor} ] || cat ${paths.floor}
section policy; [ ! -f ${paths.policy} ] || sha512sum ${paths.policy}
section converging; ls -d ${paths.releases}/*/iac/*/site.yml 2>/dev/null
section active; [ ! -L ${paths.journal}/active ] || readlink ${paths.journal}/active
section end
`
}

/** Reads what the script printed. `host` is for messages only. */
export function parseFacts(output: string, host: string): Facts {
  const sections = new Map<string, string>()
  for (const part of output.split(/^@@/m).slice(1)) {
    const [title = '', ...rest] = part.split('\n')
    sections.set(title.trim(), rest.join('\n').trim())
  }
  if (!sections.has('end'))
    throw fault('E_HOST_COMMAND', `${host} did not answer the questions of the preflight`, {
      expected: 'Debian with a POSIX shell and coreutils',
      found: output.slice(0, 400),
    })
  const get = (title: string): string => sections.get(title) ?? ''
  const os = new Map([...get('os').matchAll(/^([A-Z_]+)="?([^"\n]*)"?$/gm)].map((match) => [match[1], match[2]]))
  const disk = (title: string): string[] => get(title).split(/\s+/)
  const listening = [...get('tcp').matchAll(/^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:0000 0A /gm)].map((match) =>
    Number.parseInt(match[1] ?? '0', 16),
  )
  const policy = get('policy').split(' ')[0]
  return {
    os: os.get('ID') ?? 'unknown',
    release: os.get('VERSION_ID') ?? 'unknown',
    machine: get('machine'),
    root: get('uid') === '0',
    systemd: get('systemd') === 'yes',
    clock: Number(get('clock')),
    memory: Number(/^MemTotal:\s+(\d+)/m.exec(get('memory'))?.[1] ?? 0) * 1024,
    freeDepot: Number(disk('freeDepot')[3] ?? 0) * 1024,
    freeData: Number(disk('freeData')[3] ?? 0) * 1024,
    sameDisk: disk('freeDepot')[0] === disk('freeData')[0] && disk('freeDepot')[5] === disk('freeData')[5],
    listening: [...new Set(listening)].sort((a, b) => a - b),
    nginx: get('nginx') === 'yes',
    containers: get('containers').split('\n').flatMap((path) => /([^/]+)\.container$/.exec(path)?.[1] ?? []),
    ...(get('state') ? { state: parseState(get('state'), `${host}: state.json`) } : {}),
    floors: readFloors(get('floors') || undefined, `${host}: floor.json`),
    converging: get('converging').split('\n').flatMap((path) => /\/releases\/([^/]+)\/iac\//.exec(path)?.[1] ?? []),
    ...(policy ? { policy } : {}),
    ...(get('active') ? { active: get('active') } : {}),
  }
}
