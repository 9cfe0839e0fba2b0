import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import type { OnProgress } from '../bundle/fault.ts'
import { MAX_HOSTS, addressOf, freeBlock } from './blocks.ts'
import { fault } from './codes.ts'
import { furnish, makeKey } from './host.ts'
import { raiseLimits } from './kernel.ts'
import { paths } from './layout.ts'
import { locked } from './lock.ts'
import { bridgeOf, makeBridge, makeHostNetwork, prefixesInUse } from './network.ts'
import { cutPower, powerOf, ready, restart, switchOff, switchOn, type Power } from './power.ts'
import { ownIdentity } from './processes.ts'
import { requireMachine, requirePrograms } from './requirements.ts'
import { baseRootfs, copyTree } from './rootfs.ts'
import { writeState, type Lab, type LabHost, type LabMount, type LabState } from './state.ts'
import { clear, sweep } from './sweep.ts'

export type { Lab, LabHost, LabMount } from './state.ts'
export { labCapture, type Capture, type Packets } from './capture.ts'
export { labRun, labShell, splitWords, type Outcome } from './ssh.ts'
export { labWatch, type Reach, type Watch } from './watch.ts'

/** Throws E_LAB_MACHINE naming everything this machine lacks for hosts whose packets are recorded. */
export function requireLab(): void {
  requireMachine()
  requirePrograms('tcpdump')
}

export interface LabRequest {
  readonly name: string
  /** 1 to 13; they are named `h1`, `h2`… */
  readonly hosts: number
  /** Debian packages beyond a minimal server's, for hosts that are tools rather than targets. */
  readonly with?: readonly string[]
  /** Which hosts have these packages; all of them when absent. */
  readonly withOn?: readonly string[]
  /** Folders of this machine shown inside every host. */
  readonly mounts?: readonly LabMount[]
  readonly progress?: OnProgress
  /** Stops the making where it is and removes what there is of it. */
  readonly signal?: AbortSignal
}

/**
 * Makes and starts a lab: real Debian 13 hosts that this machine alone can reach, and that can reach only each other.
 * They run until `labDown`. Throws E_LAB_MACHINE, E_LAB_NAME, E_LAB_MOUNT, E_LAB_EXISTS, E_LAB_FULL, E_LAB_SOURCES,
 * E_LAB_ROOTFS, E_LAB_BOOT, E_LAB_PROGRAM; after any of them nothing of the lab is left.
 */
export async function labUp(request: LabRequest): Promise<Lab> {
  checkRequest(request)
  requireMachine()
  const note = steps(request)
  await raiseLimits((line) => request.progress?.({ done: 0, total: 3, unit: 'items', note: line }))
  const { with: packages = [], withOn, ...rest } = request
  const tools = await baseRootfs({ ...rest, with: packages })
  const plain = withOn === undefined || packages.length === 0 ? tools : await baseRootfs(rest)
  const baseOf = ({ name }: LabHost): string => (withOn?.includes(name) === false ? plain : tools)
  note('take an address block')
  const planned = await locked(paths.lock, () => reserve(request))
  try {
    note('copy the file system and make keys')
    const hosts = await Promise.all(planned.hosts.map((host, index) => makeHost(planned, host, index + 2, baseOf(host))))
    const lines = hosts.flatMap(({ address, hostKeys }) => hostKeys.map((key) => `${address} ${key}\n`))
    await writeFile(planned.knownHosts, lines.join(''))
    const lab: LabState = { ...planned, hosts }
    await writeState(lab)
    note('boot')
    for (const host of hosts) await switchOn(lab.name, host, lab.mounts)
    await Promise.all(hosts.map((host) => ready(lab, host, request.signal)))
    const up: LabState = { ...lab, phase: 'up' }
    await writeState(up)
    return up
  } catch (error) {
    await locked(paths.lock, () => clear(planned.name, planned))
    throw error
  }
}

export interface LabListing extends Lab {
  readonly phase: 'making' | 'up'
  readonly power: Readonly<Record<string, Power>>
}

/** Every lab of this machine, after clearing what crashes left. Throws E_LAB_MACHINE. */
export async function labList(): Promise<LabListing[]> {
  return await Promise.all(
    (await known()).map(async (lab) => {
      const power = lab.hosts.map(async (host) => [host.name, await powerOf(lab.name, host)] as const)
      return { ...lab, power: Object.fromEntries(await Promise.all(power)) }
    }),
  )
}

/** One lab by name. Throws E_LAB_UNKNOWN. */
export async function labNamed(name: string): Promise<Lab> {
  return await stateNamed(name)
}

/** Stops a lab's hosts at once and removes all it has on this machine. Throws E_LAB_UNKNOWN, E_LAB_EXISTS. */
export async function labDown(name: string): Promise<void> {
  requireMachine()
  await locked(paths.lock, async () => {
    const state = (await sweep()).find((lab) => lab.name === name)
    if (state === undefined) throw unknown(name)
    if (state.phase === 'making')
      throw fault('E_LAB_EXISTS', `lab ${name} is being made by process ${state.maker.pid}`)
    await clear(name, state)
  })
}

/** Orderly reboot of one host; returns when root can log in again. Throws E_LAB_UNKNOWN, E_LAB_BOOT. */
export async function labReboot(name: string, host: string): Promise<void> {
  const lab = await stateNamed(name)
  await restart(lab, hostNamed(lab, host))
}

/**
 * The mains of one host: `on` starts it and waits until root can log in, `off` is an orderly power-off, `cut` kills
 * every process of it at once. Throws E_LAB_UNKNOWN, E_LAB_BOOT.
 */
export async function labPower(name: string, host: string, to: 'on' | 'off' | 'cut'): Promise<void> {
  const lab = await stateNamed(name)
  const target = hostNamed(lab, host)
  if (to === 'off') return await switchOff(name, target)
  if (to === 'cut') return await cutPower(name, target)
  if ((await powerOf(name, target)) !== 'on') {
    // A killed nspawn leaves the host's init behind; two must not run on one file system.
    await cutPower(name, target)
    await switchOn(name, target, lab.mounts)
  }
  await ready(lab, target)
}

/** Throws E_LAB_UNKNOWN. */
export function hostNamed(lab: Lab, name: string): LabHost {
  const host = lab.hosts.find((candidate) => candidate.name === name)
  if (host !== undefined) return host
  throw fault('E_LAB_UNKNOWN', `lab ${lab.name} has no host ${JSON.stringify(name)}`, {
    expected: lab.hosts.map((candidate) => candidate.name).join(', '),
    found: name,
  })
}

/** What is there and well; what crashes left is cleared on the way. */
async function known(): Promise<LabState[]> {
  requireMachine()
  return await locked(paths.lock, sweep)
}

async function stateNamed(name: string): Promise<LabState> {
  const state = (await known()).find((lab) => lab.name === name)
  if (state === undefined) throw unknown(name)
  return state
}

function unknown(name: string): Error {
  return fault('E_LAB_UNKNOWN', `there is no lab ${JSON.stringify(name)}`)
}

function checkRequest({ name, hosts, mounts = [] }: LabRequest): void {
  const faults: string[] = []
  if (!/^[a-z][a-z0-9-]{0,29}$/.test(name)) faults.push(`name ${JSON.stringify(name)}`)
  if (!Number.isInteger(hosts) || hosts < 1 || hosts > MAX_HOSTS) faults.push(`hosts ${hosts}`)
  if (faults.length > 0) throw fault('E_LAB_NAME', 'a lab cannot be named or sized like this', { faults })
  const bad = mounts.filter(({ from, to }) => ![from, to].every((path) => /^\/[^:]*$/.test(path)) || !existsSync(from))
  if (bad.length > 0)
    throw fault('E_LAB_MOUNT', 'a folder cannot be shown to the hosts', {
      faults: bad.map(({ from, to }) => `${from} as ${to}`),
    })
}

/** Takes the name and an address block, and records both before anything else is made. The caller holds the lock. */
async function reserve({ name, hosts, mounts = [] }: LabRequest): Promise<LabState> {
  const labs = await sweep()
  if (labs.some((lab) => lab.name === name)) throw fault('E_LAB_EXISTS', `lab ${name} is already there`)
  const block = freeBlock(labs.map((lab) => lab.block), await prefixesInUse())
  const state: LabState = {
    format: 1,
    phase: 'making',
    name,
    block,
    bridge: bridgeOf(block),
    station: addressOf(block, 1),
    identity: paths.identity(name),
    knownHosts: paths.knownHosts(name),
    mounts,
    maker: ownIdentity(),
    hosts: Array.from({ length: hosts }, (_, index) => ({
      name: `h${index + 1}`,
      address: addressOf(block, index + 2),
      port: 22,
      user: 'root',
      hostKeys: [],
      rootfs: paths.rootfs(name, `h${index + 1}`),
    })),
  }
  await writeState(state)
  try {
    await mkdir(paths.files(name), { recursive: true, mode: 0o700 })
    await makeKey(state.identity, 'ecdsa', `operator of lab ${name}`)
    await makeBridge(block)
    return state
  } catch (error) {
    await clear(name, state)
    throw error
  }
}

async function makeHost(lab: LabState, host: LabHost, member: number, base: string): Promise<LabHost> {
  await copyTree(base, host.rootfs)
  await makeHostNetwork(lab.name, host.name, lab.block, member)
  const operator = await readFile(`${lab.identity}.pub`, 'utf8')
  return { ...host, hostKeys: await furnish(host.rootfs, { hostname: host.name, address: host.address, operator }) }
}

function steps({ progress, signal }: LabRequest): (note: string) => void {
  let done = 0
  return (note) => {
    signal?.throwIfAborted()
    progress?.({ done: (done += 1), total: 3, unit: 'items', note })
  }
}
