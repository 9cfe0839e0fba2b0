const MOST_LINES = 14

/** The failed tasks in Ansible's output: title, host, and the first lines of what it said. Ignored failures are left out. */
export function failuresIn(lines: readonly string[]): string[] {
  const found: string[] = []
  let task = 'before the first task'
  for (const [at, line] of lines.entries()) {
    const title = /^(?:TASK|RUNNING HANDLER) \[(.*)\] \*+$/.exec(line)?.[1]
    if (title !== undefined) task = title
    const host = /^(?:fatal|failed): \[([^\]]+)\]/.exec(line)?.[1]
    if (host === undefined) continue
    const text = [line.replace(/^(?:fatal|failed): \[[^\]]+\](?:: |\s)/, '').trim()]
    for (const next of lines.slice(at + 1)) {
      if (next.trim() === '' || /^(TASK|PLAY|RUNNING HANDLER|fatal|failed|ok|changed|skipping|included|\.\.\.ignoring)\b|^\.\.\./.test(next)) break
      text.push(next.trim())
    }
    const after = lines[at + text.length]
    if (after?.startsWith('...ignoring')) continue
    found.push(`${host}: ${task}: ${text.slice(0, MOST_LINES).join(' ').slice(0, 1500)}`)
  }
  return found
}

/** `changed 3 of 41 tasks`, summed over the hosts of Ansible's recap. */
export function recapOf(lines: readonly string[]): string {
  let ok = 0
  let changed = 0
  for (const line of lines) {
    const match = /^\S+\s+: ok=(\d+)\s+changed=(\d+)/.exec(line)
    ok += Number(match?.[1] ?? 0)
    changed += Number(match?.[2] ?? 0)
  }
  return `changed ${changed} of ${ok} tasks`
}
