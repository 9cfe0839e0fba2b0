import { setTimeout as sleep } from 'node:timers/promises'
import { fault } from '../codes.ts'
import { writeDurably } from '../journal/durable.ts'
import { hostPaths, type HostPaths } from '../paths.ts'
import { depotOf, type Site, type SiteHost } from '../site/site.ts'
import { command, lastLines, type CommandResult } from './command.ts'
import type { EngineContext } from './context.ts'
import type { FaultRecord } from './journal.ts'
import { faultFrom } from './remote-fault.ts'
import { agentFiles, keyLasts } from './ssh-agent.ts'

const VERB_MS = 30 * 60_000
const REACH_MS = 30_000
/** A depot that was started anew waits this long for an operator to sign a certificate again. */
const OPERATOR_MS = 24 * 3600_000
const OPERATOR_POLL_MS = 5_000
/** What ssh itself answers when the connection fails. */
const SSH_FAILED = 255
/** Seconds that a connection waits for the next task of a playbook. */
const SHARED_S = 30

/** The hosts that the engine works on over SSH. */
export function othersOf(site: Site): readonly SiteHost[] {
  const depot = depotOf(site)
  return site.hosts.filter((host) => host !== depot)
}

/** known_hosts(5): the keys pinned in site.yaml, and no other. */
export function knownHosts(site: Site): string {
  const lines = othersOf(site).flatMap(({ address, port, hostKeys }) => hostKeys.map((key) => `${port === 22 ? address : `[${address}]:${port}`} ${key}`))
  return `${lines.join('\n')}\n`
}

/** ssh_config(5) for the engine and for Ansible: the key of the agent, its certificate, pinned hosts, and by itself nothing kept open. */
export function sshConfig(paths: HostPaths, id: string): string {
  const files = agentFiles(paths, id)
  return `Host *
  User root
  IdentityAgent ${files.socket}
  IdentityFile none
  CertificateFile ${files.certificate}
  PreferredAuthentications publickey
  UserKnownHostsFile ${files.knownHosts}
  GlobalKnownHostsFile none
  StrictHostKeyChecking yes
  UpdateHostKeys no
  VerifyHostKeyDNS no
  BatchMode yes
  ControlMaster no
  ControlPath none
  ControlPersist no
  ForwardAgent no
  Ciphers aes256-gcm@openssh.com,aes256-ctr
  ConnectTimeout 15
  ServerAliveInterval 10
  ServerAliveCountMax 6
`
}

/**
 * Waits until the engine has a key and a certificate, and answers the path of its SSH configuration. After a restart of
 * the depot only an operator can give it one: it waits a day. Throws E_ENGINE_KEY.
 */
export async function authorised(context: EngineContext): Promise<string> {
  const { paths, id, site, now } = context
  const until = now().getTime() + OPERATOR_MS
  while (!(await keyLasts(paths, id, now()))) {
    if (now().getTime() > until) throw fault('E_ENGINE_KEY', 'no operator signed a certificate for the engine')
    context.progress({ done: 0, unit: 'items', note: 'waits for the operator: run the same command again' })
    await sleep(OPERATOR_POLL_MS)
  }
  const files = agentFiles(paths, id)
  await writeDurably(files.knownHosts, knownHosts(site), 0o600)
  await writeDurably(files.config, sshConfig(paths, id), 0o600)
  return files.config
}

/**
 * Options by which the tasks of one playbook share a connection to each host: opening one for each takes 0.3 s. Its socket
 * lies in the agent's folder, in memory; the playbook's end closes it, and so does that of the engine, whose child it is.
 */
export function sharedConnections({ paths, id }: Pick<EngineContext, 'paths' | 'id'>): readonly string[] {
  return ['-o ControlMaster=auto', `-o ControlPersist=${SHARED_S}`, `-o ControlPath=${agentFiles(paths, id).folder}/%C`]
}

/** Closes what the tasks of a playbook shared. */
export async function closeShared(context: EngineContext): Promise<void> {
  const { config } = agentFiles(context.paths, context.id)
  const options = sharedConnections(context).flatMap((option) => option.split(' '))
  await Promise.all(
    othersOf(context.site).map(({ address, port }) =>
      command('/usr/bin/ssh', ['-F', config, ...options, '-O', 'exit', '-p', String(port), `root@${address}`], { timeoutMs: REACH_MS }),
    ),
  )
}

/** Asks the installer on a host. The question goes by standard input. Throws E_HOST_UNREACHABLE, or the host's own fault. */
export async function askHost(context: EngineContext, host: SiteHost, verb: string, question: unknown): Promise<void> {
  const { code, tail } = await ssh(context, host, `${hostPaths().installer} engine ${verb} --json`, VERB_MS, JSON.stringify(question))
  if (code === 0) return
  if (code === SSH_FAILED) throw unreachable(host, tail)
  const said = tail.split('\n').findLast((line) => line.startsWith('{"error":'))
  if (said) throw faultFrom((JSON.parse(said) as { error: FaultRecord }).error, host.name)
  throw fault('E_HOST_COMMAND', `${host.name}: engine ${verb} ended with ${code}`, { faults: lastLines(tail, 15) })
}

/** Whether a folder is on a host. Throws E_HOST_UNREACHABLE. */
export async function hasFolder(context: EngineContext, host: SiteHost, path: string): Promise<boolean> {
  const { code, tail } = await ssh(context, host, `test -d '${path}'`, REACH_MS)
  if (code === SSH_FAILED) throw unreachable(host, tail)
  return code === 0
}

/** The other hosts that do not answer, asked all at once. */
export async function awayHosts(context: EngineContext): Promise<{ readonly host: SiteHost; readonly found: string }[]> {
  const asked = othersOf(context.site).map(async (host) => {
    const { code, tail } = await ssh(context, host, 'true', REACH_MS)
    return { host, code, found: lastLines(tail, 1).join('').trim() }
  })
  return (await Promise.all(asked)).filter(({ code }) => code !== 0)
}

/** Throws E_HOST_UNREACHABLE naming every other host that does not answer. */
export async function assertThere(context: EngineContext): Promise<void> {
  const away = await awayHosts(context)
  if (away.length === 0) return
  const names = away.map(({ host }) => host.name).join(', ')
  throw fault('E_HOST_UNREACHABLE', `the depot does not reach ${names}`, {
    expected: 'every host of the site',
    found: `no answer from ${names}`,
    faults: away.map(({ host, found }) => `${host.name} (${host.address}:${host.port}): ${found}`),
  })
}

async function ssh(context: EngineContext, host: SiteHost, words: string, timeoutMs: number, input?: string): Promise<CommandResult> {
  const config = await authorised(context)
  const args = ['-F', config, '-p', String(host.port), `root@${host.address}`, '--', words]
  return command('/usr/bin/ssh', args, { timeoutMs, ...(input === undefined ? {} : { input }) })
}

function unreachable(host: SiteHost, tail: string): Error {
  return fault('E_HOST_UNREACHABLE', `the depot does not reach ${host.name} (${host.address}:${host.port})`, { found: lastLines(tail, 3).join('; ') })
}
