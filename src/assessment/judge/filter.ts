import { createHash } from 'node:crypto'
import { judged, notApplicable, type Outcome } from '../assessment.ts'
import { declaredPorts, everyBackend } from '../declared.ts'
import { onFacts, withAnswer, type Judge } from './subject.ts'

const VERSION = /comment "(sallyport [0-9a-f]{32})"/

const absent = (roles: readonly string[]): Outcome | undefined =>
  roles.includes('proxy') ? undefined : notApplicable('the filter comes with the proxy, which this host does not have')

/** SLP-030 */
export const sameAsMade: Judge = onFacts('filter', ({ file, made, loaded }, { host }) => {
  const without = absent(host.roles)
  if (without) return without
  if (file === null) return judged(['/etc/sallyport/proxy/rules.nft is not there'], [])
  const version = VERSION.exec(file)?.[1]
  const digest = `sallyport ${createHash('sha256').update(file.replace(version ?? '', '')).digest('hex').slice(0, 32)}`
  const faults = version === digest ? [] : [`rules.nft is not what it was made as: it says ${version ?? 'nothing'}, its text gives ${digest}`]
  if (loaded === null) faults.push('the table inet sallyport is not loaded')
  else if (loaded !== made) faults.push(...differences(made, loaded))
  return judged(faults, [`the table in the kernel is that of rules.nft, ${version ?? ''}`])
})

function differences(made: string, loaded: string): string[] {
  const lines = (text: string): string[] => text.split('\n').map((line) => line.trim()).filter((line) => line !== '')
  const [before, after] = [lines(made), lines(loaded)]
  const added = after.filter((line) => !before.includes(line)).map((line) => `loaded and not in rules.nft: ${line}`)
  const gone = before.filter((line) => !after.includes(line)).map((line) => `in rules.nft and not loaded: ${line}`)
  return added.length + gone.length > 0 ? [...added, ...gone] : ['the rules are loaded in another order, or more often, than in rules.nft']
}

/** SLP-040 */
export const deniesByDefault: Judge = onFacts('filter', ({ loaded }, { host, site, services }) =>
  withAnswer(services, (known) => {
    const without = absent(host.roles)
    if (without) return without
    if (loaded === null) return judged(['the table inet sallyport is not loaded'], [])
    const declared = declaredPorts(known, site.hosts, host)
    const allowed = new Set([...declared.address, host.port])
    const address = chain(loaded, 'address')
    const backends = chain(loaded, 'backends')
    const faults: string[] = []
    const open: number[] = []
    for (const rule of address.filter((line) => /\baccept\b/.test(line) && !line.startsWith('type '))) {
      if (BASE.some((known) => known.test(rule))) continue
      const ports = /\btcp dport (\{[^}]*\}|\S+)/.exec(rule)?.[1]
      if (ports === undefined) faults.push(`lets in what names no port: ${rule}`)
      else {
        const listed = portsIn(ports)
        open.push(...listed)
        faults.push(...listed.filter((port) => !allowed.has(port)).map((port) => `lets in port ${port}, which is not declared: ${rule}`))
      }
    }
    if (address.at(-1)?.replace(/counter (packets \d+ bytes \d+ )?/, '') !== 'jump refused') faults.push(`the chain address does not end by refusing: ${address.at(-1) ?? 'it is empty'}`)
    if (chain(loaded, 'refused').at(-1) !== 'reject') faults.push('the chain refused does not reject')
    const users = new Set(['0', String(known['proxy']?.uid)])
    const guards = backends.flatMap((line) => {
      const [, uids = '', ports = ''] = /meta skuid != (\{[^}]*\}|\S+) tcp dport (\{[^}]*\}|\S+) .*reject/.exec(line) ?? []
      return uids !== '' && listOf(uids).every((uid) => users.has(uid)) ? portsIn(ports) : []
    })
    faults.push(...everyBackend(known).filter((port) => !guards.includes(port)).map((port) => `plain port ${port} is open to every user of the host`))
    return judged(faults, [`lets in TCP ${rangesOf(open)}; refuses the rest`, `guards ${new Set(guards).size} plain ports`])
  }),
)

/** Rules of the chain address that admit no new connection from outside, or only answers, ICMP and names for containers. */
const BASE = [
  /^iif "lo" accept$/,
  /^ct state established,related accept$/,
  /^tcp flags & \(fin \| syn \| rst \| ack\) != syn ct state new accept$/,
  /^meta l4proto \{ icmp, ipv6-icmp \} accept$/,
  /^iifname "podman\*" meta l4proto \{ tcp, udp \} th dport 53 accept$/,
]

function chain(table: string, name: string): string[] {
  const body = new RegExp(`^\\s*chain ${name} \\{\\n([^]*?)^\\s*\\}$`, 'm').exec(table)?.[1] ?? ''
  return body.split('\n').map((line) => line.trim()).filter((line) => line !== '')
}

const listOf = (text: string): string[] => text.replace(/[{}]/g, '').split(',').map((one) => one.trim()).filter((one) => one !== '')

function portsIn(text: string): number[] {
  return listOf(text).flatMap((one) => {
    const [first = Number.NaN, last = first] = one.split('-').map(Number)
    return Array.from({ length: Math.min(last - first + 1, 65_536) || 0 }, (_, index) => first + index)
  })
}

/** `22, 6800-6831` */
function rangesOf(ports: readonly number[]): string {
  const ranges: [number, number][] = []
  for (const port of [...new Set(ports)].toSorted((a, b) => a - b)) {
    const last = ranges.at(-1)
    if (last?.[1] === port - 1) last[1] = port
    else ranges.push([port, port])
  }
  return ranges.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(', ')
}
