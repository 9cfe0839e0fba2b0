import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { hostGroups } from './cgroups.ts'
import { fault } from './codes.ts'
import { machineOf, paths } from './layout.ts'
import { program } from './program.ts'
import { inNetwork, isInit, killAll, withArgument } from './processes.ts'
import { answers } from './ssh.ts'
import type { Lab, LabHost, LabMount } from './state.ts'

const UP_WITHIN_MS = 90_000
const DOWN_WITHIN_MS = 120_000
const GRACE_MS = 3_000

/** Signals that systemd as init understands (systemd(1)): an orderly reboot or power-off from outside. */
const REBOOT = 'SIGINT'
const POWER_OFF = 34 + 4

/** Status of systemd-nspawn --keep-unit after a reboot inside: it wants to be started again. */
const WANTS_RESTART = 133

/**
 * The host's mains: starts nspawn again after a reboot, and remembers how it ended otherwise. A shell, so that a host
 * costs little and lives on when the command that made it has ended.
 */
const MAINS = `power=$1 boots=$2; shift 2
for group in $GROUPS_OF_HOST; do mkdir -p "$group" && echo $$ >"$group/cgroup.procs"; done
while :; do
  echo start >>"$boots"; echo running >"$power"
  # The network namespace outlives a boot, and with it what a real kernel would have forgotten: the host's packet filter.
  nsenter --net="$NETWORK_OF_HOST" nft flush ruleset
  # Dark since a power cut.
  nsenter --net="$NETWORK_OF_HOST" ip link set eth0 up
  "$@"; status=$?
  [ "$status" = ${WANTS_RESTART} ] || break
done
echo "$status" >"$power"`

export type Power = 'on' | 'off' | 'crashed'

/** `off` after an orderly power-off, `crashed` when its processes ended in any other way. */
export async function powerOf(lab: string, host: LabHost): Promise<Power> {
  if (nspawnOf(host).length > 0) return 'on'
  const last = await readFile(paths.power(lab, host.name), 'utf8').catch(() => '')
  return last.trim() === '0' ? 'off' : 'crashed'
}

/** Starts a host and returns at once; `ready` waits for it. */
export async function switchOn(lab: string, host: LabHost, mounts: readonly LabMount[]): Promise<void> {
  const log = openSync(paths.console(lab, host.name), 'a', 0o600)
  const words = [paths.power(lab, host.name), paths.boots(lab, host.name), ...nspawn(lab, host, mounts)]
  const child = spawn('/bin/sh', ['-c', MAINS, 'mains', ...words], {
    cwd: '/',
    detached: true,
    stdio: ['ignore', log, log],
    env: {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      NETWORK_OF_HOST: paths.network(lab, host.name),
      GROUPS_OF_HOST: hostGroups(machineOf(lab, host.name)).join(' '),
      // Podman in the host writes below /proc/sys/net, and wants a cgroup tree of the second version. The rest of
      // /proc/sys belongs to this machine's kernel: systemd in a host would set it for everybody.
      SYSTEMD_NSPAWN_API_VFS_WRITABLE: 'network',
      SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: '1',
    },
  })
  closeSync(log)
  await once(child, 'spawn')
  child.unref()
}

/** Waits until root can log in. Throws E_LAB_BOOT. */
export async function ready(lab: Lab, host: LabHost, signal?: AbortSignal): Promise<void> {
  const started = performance.now()
  const elapsed = (): number => performance.now() - started
  while (elapsed() < UP_WITHIN_MS) {
    signal?.throwIfAborted()
    if (await answers(lab, host)) return
    // Just after the start, and for a moment in a reboot, there is no nspawn yet.
    if (elapsed() > GRACE_MS && (await powerOf(lab.name, host)) !== 'on') break
    await pause(150)
  }
  throw fault('E_LAB_BOOT', `host ${host.name} of lab ${lab.name} did not come up`, {
    expected: `a login as root at ${host.address} within ${UP_WITHIN_MS / 1000} s`,
    found: `after ${Math.round(elapsed() / 1000)} s the host is ${await powerOf(lab.name, host)}; its console: ${paths.console(lab.name, host.name)}`,
  })
}

/** Orderly, as the power button: services stop, file systems are synced. */
export async function switchOff(lab: string, host: LabHost): Promise<void> {
  for (const pid of initOf(lab, host)) process.kill(pid, POWER_OFF)
  await until(() => nspawnOf(host).length === 0, DOWN_WITHIN_MS, `host ${host.name} of lab ${lab} to power off`)
}

/**
 * Every process of the host dies at once, without any warning, and the host falls silent: the kernel, which goes on for the
 * other hosts, tells nobody that connections ended. What the host wrote but did not sync is not lost by this.
 */
export async function cutPower(lab: string, host: LabHost): Promise<void> {
  const network = paths.network(lab, host.name)
  await program('nsenter', [`--net=${network}`, 'ip', 'link', 'set', 'eth0', 'down'])
  await killAll(() => [...nspawnOf(host), ...inNetwork(network)])
  await writeFile(paths.power(lab, host.name), '0\n')
}

/** Orderly reboot; returns when root can log in again. Throws E_LAB_BOOT. */
export async function restart(lab: Lab, host: LabHost): Promise<void> {
  const before = await starts(lab.name, host)
  for (const pid of initOf(lab.name, host)) process.kill(pid, REBOOT)
  const what = `host ${host.name} of lab ${lab.name} to start again`
  await until(async () => (await starts(lab.name, host)) > before, DOWN_WITHIN_MS, what)
  await ready(lab, host)
}

function nspawn(lab: string, host: LabHost, mounts: readonly LabMount[]): string[] {
  return [
    'systemd-nspawn',
    '--quiet',
    argumentOf(host),
    `--machine=${machineOf(lab, host.name)}`,
    `--hostname=${host.name}`,
    `--network-namespace-path=${paths.network(lab, host.name)}`,
    ...mounts.map(({ from, to, readOnly }) => `--bind${readOnly ? '-ro' : ''}=${from}:${to}`),
    '--boot',
    '--keep-unit',
    '--register=no',
    '--console=read-only',
    '--link-journal=no',
    '--resolv-conf=off',
    '--timezone=off',
    '--capability=all',
    '--system-call-filter=@keyring bpf',
  ]
}

/** The one word by which the processes of a host, and no others, are known. */
function argumentOf(host: LabHost): string {
  return `--directory=${host.rootfs}`
}

function nspawnOf(host: LabHost): number[] {
  return withArgument(argumentOf(host))
}

function initOf(lab: string, host: LabHost): number[] {
  return inNetwork(paths.network(lab, host.name)).filter(isInit)
}

async function starts(lab: string, host: LabHost): Promise<number> {
  return (await readFile(paths.boots(lab, host.name), 'utf8')).split('\n').length - 1
}

async function until(met: () => boolean | Promise<boolean>, limit: number, what: string): Promise<void> {
  const deadline = performance.now() + limit
  while (!(await met())) {
    if (performance.now() > deadline)
      throw fault('E_LAB_BOOT', `gave up waiting for ${what}`, { expected: `within ${limit / 1000} s` })
    await pause(100)
  }
}
