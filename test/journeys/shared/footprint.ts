import type { Lab } from '../../../src/lab/lab.ts'
import { on } from './three.ts'

/** PSS of a container's processes in MB, as the kernel counts them: what is shared with others is divided. */
const PROGRAM = `for c in $(podman ps --format '{{.Names}}'); do
  sum=0
  for p in $(podman top "$c" hpid 2>/dev/null | tail -n +2); do
    kb=$(awk '/^Pss:/ {print $2}' /proc/$p/smaps_rollup 2>/dev/null)
    sum=$((sum + \${kb:-0}))
  done
  echo "$c $((sum / 1024))"
done`

/** Memory of each container of a host in MB. */
export async function memoryOf(lab: Lab, host: string): Promise<Map<string, number>> {
  const lines = (await on(lab, host, PROGRAM)).split('\n').map((line) => line.split(' '))
  return new Map(lines.map(([name = '', megabytes = '0']) => [name, Number(megabytes)]))
}

/** One line a host and one for all of them: containers by size, and their sum. */
export async function footprint(lab: Lab, hosts: readonly string[]): Promise<string[]> {
  let all = 0
  const lines: string[] = []
  for (const host of hosts) {
    const memory = await memoryOf(lab, host)
    const sum = [...memory.values()].reduce((total, one) => total + one, 0)
    all += sum
    const sorted = [...memory].toSorted((a, b) => b[1] - a[1])
    lines.push(`memory of ${host}: ${sum} MB: ${sorted.map(([name, megabytes]) => `${name} ${megabytes}`).join(', ')}`)
  }
  return [...lines, `memory of all: ${all} MB`]
}
