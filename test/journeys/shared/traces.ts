import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, readlinkSync, statSync } from 'node:fs'

/** What the kernel calls the network namespace of a lab host: `net:[4026532500]`. */
export function networkOf(lab: string, host: string): string {
  return `net:[${statSync(`/run/sallyport-lab/${lab}/${host}.netns`).ino}]`
}

/**
 * Every trace of a lab on this machine, one line each, looked up in the kernel's own listings rather than in the lab's
 * records. `block` and `networks` are those of a lab that is up; the number of a network is used again by the kernel as
 * soon as it is gone, so afterwards give the processes seen before to `survivors` instead.
 */
export function tracesOf(lab: string, block?: number, networks: readonly string[] = []): string[] {
  const links = run('ip', '-oneline', 'link').filter((line) => new RegExp(`\\bslp${block ?? 'none'}(h\\d+)?[@:]`).test(line))
  const tables = run('nft', 'list', 'tables').filter((line) => line.endsWith(`sallyport_lab_${block ?? 'none'}`))
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').filter((line) => names(line, lab))
  const groups = run('find', '/sys/fs/cgroup', '-type', 'd', '-path', `*sallyport-lab/${lab}-h*`)
  const files = ['/run/sallyport-lab', '/var/lib/sallyport-lab', '/run/systemd/nspawn/propagate', '/run/systemd/nspawn/unix-export']
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name) => `${folder}/${name}`))
    .filter((path) => names(path, lab))
  return [
    ...processes(lab, networks),
    ...links.map((line) => `link ${line}`),
    ...tables.map((line) => `rules ${line}`),
    ...mounts.map((line) => `mount ${line}`),
    ...groups.map((path) => `group ${path}`),
    ...files.map((path) => `file ${path}`),
  ]
}

/** Those of `traces` that are processes and still run. */
export function survivors(traces: readonly string[]): string[] {
  return traces.filter((trace) => {
    const [, pid, started] = /^process (\d+) since (\d+)/.exec(trace) ?? []
    return pid !== undefined && startOf(pid) === started
  })
}

function processes(lab: string, networks: readonly string[]): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return []
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      const inside = networks.includes(readlinkSync(`/proc/${pid}/ns/net`))
      return inside || names(words, lab) ? [`process ${pid} since ${startOf(pid)} ${words}`] : []
    } catch {
      return []
    }
  })
}

/**
 * Clock ticks from boot to the start of a process, proc(5) stat field 22; undefined when there is none, or when it has
 * ended and waits to be reaped by the init of this machine.
 */
function startOf(pid: string): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]
  } catch {
    return undefined
  }
}

function names(text: string, lab: string): boolean {
  return new RegExp(`sallyport-lab/${lab}(/|$|\\s)|/${lab}-h\\d+`).test(text)
}

function run(program: string, ...words: string[]): string[] {
  return execFileSync(program, words, { encoding: 'utf8' }).split('\n').filter((line) => line !== '')
}
