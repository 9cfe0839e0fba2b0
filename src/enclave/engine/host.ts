import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { sha512 } from '../../bundle/digest.ts'
import { LAYOUT } from '../../bundle/layout.ts'
import type { Policy } from '../../bundle/policy.ts'
import { judgeManifest } from '../../bundle/verify.ts'
import { fault } from '../codes.ts'
import { installPackages, trustDepot, update, writeSource } from '../depot/apt.ts'
import { takePolicy } from '../depot/import.ts'
import type { Suite } from '../depot/layout-release.ts'
import { writeNames } from '../depot/names.ts'
import type { Floors } from '../floor/floors.ts'
import { raiseMemory } from '../floor/memory.ts'
import { writeDurably } from '../journal/durable.ts'
import { DEPOT_PORT, type HostPaths } from '../paths.ts'

const PYTHON_APT = '/usr/lib/python3/dist-packages/apt/__init__.py'

/** What a host other than the depot gets before Ansible comes to it. */
export interface HostPreparation {
  readonly domain: string
  /** Lines of /etc/hosts. */
  readonly names: readonly string[]
  /** Suites of the depot's apt mirror; none when the release has no such mirror. */
  readonly suites: readonly Suite[]
  readonly stretchDays: number
  readonly memory: HostMemory
}

/** What each host remembers, so that a depot that is lost or restored from an old copy cannot take the site back. */
export interface HostMemory {
  readonly floors: Floors
  /** The trust policies from the first on, base64, and the digest that binds the first one. */
  readonly policies: readonly string[]
  readonly cardDigest: string
  /** bundle.json, its signatures and approvals, base64, by path within the bundle. */
  readonly manifest?: { readonly digest: string; readonly files: Readonly<Record<string, string>> }
}

/** On another host: names, package source over TLS by the host's own certificate, and the Python that Ansible needs. */
export async function prepareHost(paths: HostPaths, question: HostPreparation, now: Date): Promise<void> {
  const { domain, names, suites, stretchDays } = question
  await remember(paths, question.memory, now)
  await writeNames(paths, names)
  if (suites.length === 0) return
  await mkdir(paths.log, { recursive: true, mode: 0o755 })
  const log = join(paths.log, 'packages.log')
  await trustDepot(paths, domain, log)
  await writeSource(paths, suites, `https://depot.${domain}:${DEPOT_PORT}/apt`, stretchDays)
  await update(log)
  // What Ansible's modules run on and ask apt by; ansible-mitogen's Python would not find what a module of its own had installed.
  if (!(await stat(PYTHON_APT).catch(() => undefined))) await installPackages(['python3', 'python3-apt'], log)
}

/** Raises what this host remembers, after judging for itself what it is shown. */
export async function remember(paths: HostPaths, { floors, policies, cardDigest, manifest }: HostMemory, now: Date): Promise<void> {
  const inForce = await takePolicy(paths, policies.map((one) => Buffer.from(one, 'base64')), cardDigest)
  if (manifest) await keepJudged(paths, inForce, manifest, now)
  await raiseMemory(paths, floors)
}

async function keepJudged(paths: HostPaths, policy: Policy, { digest, files }: NonNullable<HostMemory['manifest']>, now: Date): Promise<void> {
  const strange = Object.keys(files).filter((name) => name !== LAYOUT.statement && !/^(?:signatures|approvals)\/[a-z0-9.]+$/.test(name))
  if (strange.length > 0 || !/^[0-9a-f]{128}$/.test(digest)) throw fault('E_STATE', 'what this host was shown is no signed manifest', { faults: strange })
  const target = join(paths.manifests, digest)
  const shown = `${target}.shown`
  await rm(shown, { recursive: true, force: true })
  for (const [name, bytes] of Object.entries(files)) await writeDurably(join(shown, name), Buffer.from(bytes, 'base64'))
  const bytes = Buffer.from(files[LAYOUT.statement] ?? '', 'base64')
  const found = sha512(bytes)
  const reasons = found === digest ? await judgeManifest(shown, policy, { act: 'import', now, approving: 'past' }) : []
  if (found !== digest || reasons.length > 0) {
    await rm(shown, { recursive: true, force: true })
    throw fault('E_STATE', 'this host does not take the manifest it was shown', {
      expected: `sha512 ${digest}, signed as the policy asks`,
      found: `sha512 ${found}`,
      faults: reasons.map((reason) => `${reason.code}: ${reason.text}`),
    })
  }
  await rm(target, { recursive: true, force: true })
  await rename(shown, target)
}

export interface BackupsToKeep {
  readonly directory: string
  /** The newest so many stay, and the one that is named. */
  readonly keep: number
  readonly stays?: string
}

/** Removes the oldest of the engine's own backups on this host. */
export async function pruneBackups({ directory, keep, stays }: BackupsToKeep): Promise<void> {
  const backups = await readdir(directory, { withFileTypes: true }).catch(() => [])
  const ours = backups.filter((entry) => entry.isDirectory() && /^[0-9a-f]{24}-\d+$/.test(entry.name) && entry.name !== stays)
  const aged = await Promise.all(ours.map(async ({ name }) => ({ name, at: (await stat(join(directory, name))).mtimeMs })))
  for (const { name } of aged.toSorted((a, b) => b.at - a.at).slice(keep)) await rm(join(directory, name), { recursive: true, force: true })
}
