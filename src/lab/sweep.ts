import { existsSync } from 'node:fs'
import { readdir, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { removeHostGroups } from './cgroups.ts'
import { machineOf, nspawnLeftovers, paths } from './layout.ts'
import { removeBridge, removeMount, strayBlocks } from './network.ts'
import { powerOf } from './power.ts'
import { inNetwork, isAlive, killAll, withArgument } from './processes.ts'
import { removeTree } from './rootfs.ts'
import { everyName, readState, type LabState } from './state.ts'

/**
 * Clears what crashes left: labs whose maker died before they were up, labs with no living host of which one ended
 * other than by an orderly power-off, folders without a record, bridges that no lab claims. The caller holds the lock.
 * Returns the labs that are there and well.
 */
export async function sweep(): Promise<LabState[]> {
  const well: LabState[] = []
  for (const name of await everyName()) {
    const state = await readState(name)
    if (state !== undefined && !(await isBroken(state))) well.push(state)
    else await clear(name, state)
  }
  for (const block of await strayBlocks()) if (!well.some((state) => state.block === block)) await removeBridge(block)
  return well
}

async function isBroken(state: LabState): Promise<boolean> {
  if (state.phase === 'making') return !isAlive(state.maker)
  const power = await Promise.all(state.hosts.map((host) => powerOf(state.name, host)))
  return !power.includes('on') && power.includes('crashed')
}

/** Removes everything a lab has on this machine, found by name rather than believed from its record. */
export async function clear(name: string, state: LabState | undefined): Promise<void> {
  const networks = await files(paths.lab(name), (file) => file.endsWith('.netns'))
  const roots = await files(paths.files(name), (file) => !file.startsWith('.'))
  const processes = (): number[] => [
    // nspawn and its supervisor; a copy that outlived its maker.
    ...roots.flatMap((rootfs) => [`--directory=${rootfs}`, rootfs].flatMap(withArgument)),
    ...networks.flatMap(inNetwork),
  ]
  await killAll(processes)
  for (const network of networks) await removeMount(network)
  for (const rootfs of roots) {
    const machine = machineOf(name, basename(rootfs))
    await removeHostGroups(machine)
    for (const left of nspawnLeftovers(machine, await stat(rootfs))) await removeMount(left)
  }
  if (state !== undefined) await removeBridge(state.block)
  await removeTree(paths.files(name))
  await rm(paths.lab(name), { recursive: true, force: true })
}

async function files(folder: string, wanted: (name: string) => boolean): Promise<string[]> {
  if (!existsSync(folder)) return []
  return (await readdir(folder)).filter(wanted).map((name) => join(folder, name))
}
