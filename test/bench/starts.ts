/**
 * How long each component of an installed lab host takes from `systemctl start` until it answers: each is stopped and
 * started alone, three times, and the median is printed. Also its memory (PSS) and what its image takes on the disk.
 *
 *     node test/bench/starts.ts LAB [HOST]     default host h1; prints a table in Markdown
 *
 * The lab is one that the demo or a journey left. Nothing is changed but for the restarts.
 */
import { readFile } from 'node:fs/promises'
import { hostNamed, labList, labRun } from '../../src/lab/lab.ts'
import { memoryOf } from '../journeys/shared/footprint.ts'

const ROUNDS = 3
const LIMIT_SECONDS = 120

interface Listener {
  readonly upstream?: number
  readonly health?: string
}
interface Service {
  readonly unit?: string
  readonly listens: readonly Listener[]
}

/** A shell command that ends with 0 when the port answers: 200 to `path`, or at all when there is no path to ask for. */
function answers(port: number, path: string, address = '127.0.0.1'): string {
  const program =
    path === '' ? `import socket; socket.create_connection(("${address}", ${port}), 1)` : `import urllib.request as u; u.urlopen("http://${address}:${port}${path}", timeout=5)`
  return `python3 -I -c '${program}' 2>/dev/null`
}

/** Where a component answers that has no health path among its listeners. */
const OF_ITS_OWN: Readonly<Record<string, string>> = {
  proxy: answers(19902, '/ready'),
  postgresql: 'podman exec postgresql pg_isready --quiet',
  keycloak: answers(19000, '/health/ready'),
  'control-plane': answers(18081, '/v1/health'),
}

function probeOf(name: string, { listens }: Service): string | undefined {
  const listener = listens.find(({ health, upstream }) => health !== undefined && upstream !== undefined)
  // nginx listens at the host's own address alone.
  if (name === 'depot') return answers(8443, '', host.address)
  if (OF_ITS_OWN[name] !== undefined) return OF_ITS_OWN[name]
  return listener?.upstream === undefined ? undefined : answers(listener.upstream, listener.health ?? '')
}

const [labName, hostName = 'h1'] = process.argv.slice(2)
const lab = (await labList()).find(({ name }) => name === labName)
if (!lab) throw new Error(`no lab ${labName}: node test/bench/starts.ts LAB [HOST]`)
const host = hostNamed(lab, hostName)
const on = async (line: string): Promise<string> => {
  const { code, stdout, stderr } = await labRun(lab, host, line)
  if (code !== 0) throw new Error(`${line}\n${stdout}${stderr}`)
  return stdout.trim()
}

const { services } = JSON.parse(await readFile(new URL('../../ansible/group_vars/all/services.json', import.meta.url), 'utf8')) as { services: Record<string, Service> }
const memory = await memoryOf(lab, hostName)
const rows: string[] = []
for (const [name, service] of Object.entries(services)) {
  const [unit, probe] = [service.unit, probeOf(name, service)]
  if (unit === undefined || probe === undefined || (await on(`systemctl is-active ${unit} || true`)) !== 'active') continue
  const seconds: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    const taken = await on(`systemctl stop ${unit}; a=$(date +%s.%N); systemctl start ${unit}
      until ${probe}; do [ $SECONDS -lt ${LIMIT_SECONDS} ] || exit 1; sleep 0.05; done
      echo "$(date +%s.%N) $a" | awk '{printf "%.1f", $1 - $2}'`)
    seconds.push(Number(taken))
  }
  const parts = [...memory].filter(([container]) => container === name || (name === 'object-store' && container.startsWith('object-store-')))
  const used = parts.reduce((sum, [, megabytes]) => sum + megabytes, 0)
  const median = seconds.toSorted((a, b) => a - b)[ROUNDS >> 1]
  rows.push(`| ${name} | ${median} | ${used || ''} |`)
  console.error(`${name}: ${seconds.join(', ')} s`)
}
console.log(['| component | start, s | memory, MB |', '| --- | --- | --- |', ...rows].join('\n'))
