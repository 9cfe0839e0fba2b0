import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { plainPathFault } from '../bundle/path.ts'
import { sha512 } from '../bundle/digest.ts'
import { Fault } from '../bundle/fault.ts'
import { LAYOUT } from '../bundle/layout.ts'
import type { Policy } from '../bundle/policy.ts'
import { judgeSignatures } from '../bundle/judge-signatures.ts'
import { readSignatures } from '../bundle/signature.ts'
import { parseStatement, type Statement } from '../bundle/statement.ts'
import { judgeManifest } from '../bundle/verify.ts'
import { parseState, type DepotState } from '../enclave/depot/state.ts'
import type { Services } from './declared.ts'
import type { Asked, DepotRecords } from './observe/facts.ts'
import type { Served } from './served.ts'

/** The release that runs, as its signatures and not the depot's word have it. */
export interface SignedRelease {
  readonly statement: Statement
  /** sha512 of bundle.json. */
  readonly digest: string
  /** Why the policy in force does not accept it now; empty when it does. */
  readonly reasons: readonly string[]
  readonly signers: readonly string[]
  readonly state: DepotState
  readonly custody: Buffer | undefined
  /** Name of the release by the sha512 of the installer that it signs, of every kept manifest that the policy accepts. */
  readonly installers: ReadonlyMap<string, string>
  /** sha256 of the program that looks for drift, as the signed playbooks have it. */
  readonly observer: string | undefined
  readonly services: Asked<Services>
  readonly served: Asked<Served>
}

type Judged = Omit<SignedRelease, 'observer' | 'services' | 'served'>

/** Judges what the depot keeps of the running release by the policy in force at the station. Nothing of it is believed unsigned. */
export async function judgeRecords(records: DepotRecords, policy: Policy, now: Date): Promise<Asked<Judged>> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-assess-'))
  try {
    return await judgeIn(folder, records, policy, now)
  } catch (error) {
    if (error instanceof Fault) return { why: [error.message, error.detail.found].filter(Boolean).join(': '), wrong: true }
    throw error
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function judgeIn(folder: string, { state: text, custody, manifests }: DepotRecords, policy: Policy, now: Date): Promise<Asked<Judged>> {
  if (text === null) return { why: 'the depot has no state: nothing was installed' }
  const state = parseState(text, 'state.json')
  if (!state.running) return { why: 'no release runs on this site' }
  const { digest } = state.running
  const act = state.previous ? 'upgrade' : 'install'
  const installers = new Map<string, string>()
  let running: { statement: Statement; reasons: string[]; signers: string[] } | undefined
  for (const [name, files] of Object.entries(manifests)) {
    const bytes = Buffer.from(files[LAYOUT.statement] ?? '', 'base64')
    if (sha512(bytes) !== name) {
      if (name === digest) return { why: `bundle.json that the depot keeps of the running release has sha512 ${sha512(bytes)}, its state says ${digest}`, wrong: true }
      continue
    }
    const directory = join(folder, name)
    await writeFiles(directory, files)
    const reasons = await judgeManifest(directory, policy, { act, now, approving: 'past' })
    const statement = reasons.length === 0 || name === digest ? parseStatement(bytes) : undefined
    if (statement?.installer && reasons.length === 0) installers.set(statement.installer.sha512, `${statement.name} ${statement.version}`)
    if (statement === undefined || name !== digest) continue
    const { signers } = judgeSignatures(policy, bytes, digest, await readSignatures(directory))
    running = {
      statement,
      reasons: reasons.map((reason) => `${reason.code}: ${reason.text}${reason.expected ? ` (expected ${reason.expected}, found ${reason.found})` : ''}`),
      signers: [...new Set(signers)].map(({ person, keyId }) => `${person} ${keyId}`),
    }
  }
  if (!running) return { why: `the depot keeps no bundle.json of the running release, sha512 ${digest}`, wrong: true }
  return { answer: { ...running, digest, state, custody: custody === null ? undefined : Buffer.from(custody, 'base64'), installers } }
}

async function writeFiles(directory: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    // Names come from the host.
    if (plainPathFault(name) !== undefined) continue
    const path = join(directory, name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, Buffer.from(content, 'base64'))
  }
}
