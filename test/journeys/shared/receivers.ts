import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, chown, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Lab } from '../../../src/lab/lab.ts'
import { baseRootfs, copyTree, removeTree } from '../../../src/lab/rootfs.ts'
import { ended, neighbour, until } from './neighbour.ts'

/** One post of Alertmanager's webhook, version 4. */
export interface Post {
  readonly status: string
  readonly alerts: readonly { readonly status: string; readonly labels: Record<string, string>; readonly annotations: Record<string, string> }[]
}

export interface Receivers {
  readonly address: string
  /** `host:port` and the URL of site.yaml, with the names of the certificates. */
  relay(name: string): string
  hook(name: string): string
  /** Every mail so far, headers and text, oldest first. */
  mails(): Promise<string[]>
  /** Every post so far, and the names in the certificate it came with. */
  posts(): readonly { readonly from: string; readonly body: Post }[]
  stop(): Promise<void>
}

/** PEM of one receiver: key (PKCS#8), leaf with its chain. */
export interface ReceiverCertificate {
  readonly key: string
  readonly certificate: string
}

export interface ReceiversRequest {
  readonly lab: Lab
  /** Emptied; holds what the receivers need and what they get. */
  readonly folder: string
  readonly ca: string
  readonly mail: ReceiverCertificate
  readonly hook: ReceiverCertificate
}

const MAIL_PORT = 25
const HOOK_PORT = 9443

/**
 * A mail relay (Debian's OpenSMTPD, STARTTLS demanded, the client's certificate checked) and a webhook, both at an address
 * of their own on the lab's bridge, where hosts can reach them. Needs root, as the lab does.
 */
export async function startReceivers(request: ReceiversRequest): Promise<Receivers> {
  const { lab, folder } = request
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const posts: { from: string; body: Post }[] = []
  const children: ChildProcess[] = []
  const root = join(folder, 'relay')
  const { address, network, contained, leave } = await neighbour(lab, folder, 14)
  const stop = async (): Promise<void> => {
    await ended(children)
    leave()
    await removeTree(root)
  }
  try {
    await relayFiles(root, request)
    children.push(contained(root, ['/usr/sbin/smtpd', '-d'], 'inherit'))
    for (const [name, content] of [['hook.pem', request.hook.certificate], ['hook.key.pem', request.hook.key], ['ca.pem', request.ca]] as const)
      await writeFile(join(folder, name), content, { mode: 0o600 })
    const program = new URL('webhook.ts', import.meta.url).pathname
    const hook = spawn('nsenter', [`--net=${network}`, process.execPath, program, folder, String(HOOK_PORT)], { stdio: ['ignore', 'pipe', 'inherit'] })
    children.push(hook)
    let listening = false
    createInterface({ input: hook.stdout }).on('line', (line) => {
      if (line === 'ready') listening = true
      else posts.push(JSON.parse(line) as { from: string; body: Post })
    })
    await until(() => listening && answers(network, address), 'the receivers to listen')
    const relay = (name: string): string => `${name}:${MAIL_PORT}`
    const webhook = (name: string): string => `https://${name}:${HOOK_PORT}/alerts`
    return { address, relay, hook: webhook, mails: () => mailsIn(join(root, 'var/mail/alerts/new')), posts: () => posts, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** OpenSMTPD as a site's relay: whoever shows a certificate of the organisation over STARTTLS may leave mail, nobody else. */
const RELAY = `pki mail cert "/etc/relay/mail.pem"
pki mail key "/etc/relay/mail.key"
ca organisation cert "/etc/relay/ca.pem"
table everybody { "@" = "mail" }
listen on 0.0.0.0 port ${MAIL_PORT} tls-require verify pki mail ca organisation
action "keep" maildir "/var/mail/alerts" virtual <everybody>
match from any for any action "keep"
`

async function relayFiles(root: string, { mail, ca }: ReceiversRequest): Promise<void> {
  await copyTree(await baseRootfs({ with: ['opensmtpd'] }), root)
  await mkdir(join(root, 'etc/relay'), { recursive: true })
  await mkdir(join(root, 'var/mail/alerts'), { recursive: true })
  await chown(join(root, 'var/mail/alerts'), 8, 8)
  await writeFile(join(root, 'etc/relay/mail.pem'), mail.certificate)
  await writeFile(join(root, 'etc/relay/mail.key'), mail.key)
  await chmod(join(root, 'etc/relay/mail.key'), 0o600)
  await writeFile(join(root, 'etc/relay/ca.pem'), ca)
  await writeFile(join(root, 'etc/smtpd.conf'), RELAY)
}

async function mailsIn(folder: string): Promise<string[]> {
  if (!existsSync(folder)) return []
  const names = (await readdir(folder)).toSorted()
  return Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))
}

function answers(network: string, address: string): boolean {
  try {
    execFileSync('nsenter', [`--net=${network}`, 'timeout', '2', 'bash', '-c', `exec 3<>/dev/tcp/${address}/${MAIL_PORT}; head -c 3 <&3 | grep -q 220`], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
