import { generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fault } from '../codes.ts'
import { readIfPresent, writeDurably } from '../journal/durable.ts'
import type { HostPaths } from '../paths.ts'
import { publicLine } from '../remote/user-certificate.ts'
import { command, lastLines } from './command.ts'

const TIMEOUT_MS = 30_000
const STARTS_MS = 10_000
/** A certificate that ends sooner is not begun with. */
const SPARE_MS = 10 * 60_000

/** What the station hands over for the engine's key; a certificate is no secret. */
export interface EngineCertificate {
  readonly plan: string
  readonly certificate: string
  /** ISO 8601. */
  readonly validBefore: string
}

export interface EngineKey {
  /** The public line to be certified. */
  readonly key: string
  /** It has a certificate that lasts. */
  readonly certified: boolean
}

/**
 * The agent of one plan. Its key is made in this program's memory and handed over by a pipe; it is never on a disk, and
 * gone when the unit stops or the depot does. It is a unit of its own so that a restart of the engine does not lose it.
 */
function agentUnit(paths: HostPaths): string {
  return `[Unit]
Description=Key of the Sallyport engine for plan %i, in memory alone

[Service]
Type=exec
ExecStart=/usr/bin/ssh-agent -D -a ${paths.run}/sallyport-agent-%i/socket
RuntimeDirectory=sallyport-agent-%i
RuntimeDirectoryMode=0700
# A plan ends its agent; one that never began leaves it at most so long.
RuntimeMaxSec=12h
UMask=0077
LimitCORE=0
MemorySwapMax=0
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateNetwork=yes
RestrictAddressFamilies=AF_UNIX
CapabilityBoundingSet=
`
}

/** Files of a plan's agent, all in memory. */
export function agentFiles(paths: HostPaths, id: string) {
  const folder = join(paths.run, `sallyport-agent-${id}`)
  return {
    folder,
    socket: join(folder, 'socket'),
    certificate: join(folder, 'engine-cert.pub'),
    validity: join(folder, 'valid-before'),
    config: join(folder, 'config'),
    knownHosts: join(folder, 'known_hosts'),
  } as const
}

/** Starts the agent of a plan and gives it a key, unless it has one. */
export async function engineKey(paths: HostPaths, id: string, now: Date): Promise<EngineKey> {
  const held = await heldKey(paths, id)
  if (held !== undefined) return { key: held, certified: await lasts(paths, id, now) }
  await writeDurably(join(paths.units, 'sallyport-agent@.service'), agentUnit(paths))
  await must('/usr/bin/systemctl', ['daemon-reload'])
  await must('/usr/bin/systemctl', ['restart', unitOf(id)])
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const env = { SSH_AUTH_SOCK: agentFiles(paths, id).socket }
  const until = now.getTime() + STARTS_MS
  for (let waited = now.getTime(); !(await answers(env)); waited += 100) {
    if (waited > until) throw fault('E_ENGINE', `${unitOf(id)} does not answer`)
    await sleep(100)
  }
  await must('/usr/bin/ssh-add', ['-q', '-'], { env, input: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string })
  return { key: publicLine(publicKey), certified: false }
}

/** Puts the certificate where the engine's SSH finds it. */
export async function takeCertificate(paths: HostPaths, { plan, certificate, validBefore }: EngineCertificate): Promise<void> {
  const files = agentFiles(paths, plan)
  await writeDurably(files.certificate, `${certificate}\n`, 0o600)
  await writeDurably(files.validity, validBefore, 0o600)
}

/** Whether the engine can log in to other hosts now. */
export async function keyLasts(paths: HostPaths, id: string, now: Date): Promise<boolean> {
  return (await heldKey(paths, id)) !== undefined && (await lasts(paths, id, now))
}

/** After the end of a plan nothing of its key is left. */
export async function forgetKey(id: string): Promise<void> {
  await command('/usr/bin/systemctl', ['stop', unitOf(id)], { timeoutMs: TIMEOUT_MS })
}

function unitOf(id: string): string {
  return `sallyport-agent@${id}.service`
}

async function heldKey(paths: HostPaths, id: string): Promise<string | undefined> {
  const { code, tail } = await command('/usr/bin/ssh-add', ['-L'], { env: { SSH_AUTH_SOCK: agentFiles(paths, id).socket }, timeoutMs: TIMEOUT_MS })
  return code === 0 ? tail.trim().split(' ').slice(0, 2).join(' ') : undefined
}

/** ssh-add answers 1 for an agent without keys, 2 for no agent. */
async function answers(env: Readonly<Record<string, string>>): Promise<boolean> {
  return (await command('/usr/bin/ssh-add', ['-l'], { env, timeoutMs: TIMEOUT_MS })).code <= 1
}

async function lasts(paths: HostPaths, id: string, now: Date): Promise<boolean> {
  const until = await readIfPresent(agentFiles(paths, id).validity)
  return until !== undefined && Date.parse(until) > now.getTime() + SPARE_MS
}

async function must(file: string, args: readonly string[], options: { env?: Readonly<Record<string, string>>; input?: string } = {}): Promise<void> {
  const { code, tail } = await command(file, args, { ...options, timeoutMs: TIMEOUT_MS })
  if (code !== 0) throw fault('E_ENGINE', `${file} ${args.join(' ')} ended with ${code}`, { faults: lastLines(tail, 5) })
}
