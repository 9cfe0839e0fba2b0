import { generateKeyPairSync } from 'node:crypto'
import { chmod, mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { readIfPresent, syncFolder, writeDurably } from '../journal/durable.ts'
import type { HostPaths } from '../paths.ts'
import { EC } from './x509.ts'

/** Key and certificate (leaf first, then its chain) of a service as it is in use; PEM. */
export interface KeyPair {
  readonly key: string
  readonly chain: string
}

/** What was asked for and has not come: beside the pair in use, so that a renewal never takes anything away. */
export interface Pending {
  readonly key: string
  /** When it was first asked for. */
  readonly since: string
  readonly reason: string
  /** PKCS#10, PEM, and the names in it. */
  readonly request: string
  readonly named: string
}

/**
 *   <service>/key.pem, cert.pem        in use
 *   <service>/next/key.pem, ask.json   asked for; cert.pem appears there only while the two change places
 */
function files(paths: HostPaths, service: string) {
  const folder = join(paths.pki, service)
  const next = join(folder, 'next')
  return {
    folder,
    next,
    key: join(folder, 'key.pem'),
    chain: join(folder, 'cert.pem'),
    nextKey: join(next, 'key.pem'),
    nextChain: join(next, 'cert.pem'),
    ask: join(next, 'ask.json'),
  }
}

/** The pair in use, after finishing a change that was cut off. */
export async function pairInUse(paths: HostPaths, service: string): Promise<KeyPair | undefined> {
  const at = files(paths, service)
  if ((await readIfPresent(at.nextChain)) !== undefined) await finish(at)
  const [key, chain] = [await readIfPresent(at.key), await readIfPresent(at.chain)]
  return key === undefined || chain === undefined ? undefined : { key, chain }
}

export async function pending(paths: HostPaths, service: string): Promise<Pending | undefined> {
  const at = files(paths, service)
  const [key, ask] = [await readIfPresent(at.nextKey), await readIfPresent(at.ask)]
  return key === undefined || ask === undefined ? undefined : { key, ...(JSON.parse(ask) as Omit<Pending, 'key'>) }
}

/** A new key for a service. It is written before anything is asked for it, and never leaves this folder. */
export async function newKey(paths: HostPaths, service: string): Promise<string> {
  const at = files(paths, service)
  await mkdir(at.next, { recursive: true, mode: 0o700 })
  for (const folder of [at.folder, at.next]) await chmod(folder, 0o700)
  const pem = generateKeyPairSync('ec', { namedCurve: EC.namedCurve }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  await writeDurably(at.nextKey, pem, 0o600)
  return pem
}

export async function noteRequest(paths: HostPaths, service: string, ask: Omit<Pending, 'key'>): Promise<void> {
  await writeDurably(files(paths, service).ask, `${JSON.stringify(ask, null, 2)}\n`, 0o600)
}

/** Puts what was asked for in the place of what is in use. A power cut in between is made good by the next look. */
export async function takeUse(paths: HostPaths, service: string, chain: string): Promise<void> {
  const at = files(paths, service)
  await writeDurably(at.nextChain, chain, 0o600)
  await finish(at)
}

async function finish(at: ReturnType<typeof files>): Promise<void> {
  if ((await readIfPresent(at.nextKey)) !== undefined) await rename(at.nextKey, at.key)
  await rename(at.nextChain, at.chain)
  await syncFolder(at.folder)
  await rm(at.next, { recursive: true, force: true })
}
