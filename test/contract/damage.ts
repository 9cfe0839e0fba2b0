import { closeSync, copyFileSync, openSync, readFileSync, readSync, renameSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Circumstances } from '../../src/bundle/decide.ts'
import { EXIT, Fault } from '../../src/bundle/fault.ts'
import { CODES, type BundleCode } from '../../src/bundle/codes.ts'
import { acceptPolicy } from '../../src/bundle/policy-file.ts'
import { verifyBundle } from '../../src/bundle/verify.ts'

/** One step of damage to a bundle: a bit turned, a file cut, two exchanged, one doubled, one taken away. */
export type Step =
  | readonly ['flip', string, number]
  | readonly ['truncate', string, number]
  | readonly ['swap', string, string]
  | readonly ['copy', string, string]
  | readonly ['remove', string]

/** What both verifiers are asked, by the members that the second one takes. */
export interface Question {
  readonly directory: string
  /** Path of the policy's file. */
  readonly policy: string
  readonly digest?: string
  /** Paths of the policies that came into force after it, in their order. */
  readonly later?: readonly string[]
  readonly now: string
  readonly act: Circumstances['act']
  readonly floor?: NonNullable<Circumstances['floor']>
  readonly known?: readonly { kind: 'release'; name: string; sequence: number; digest: string }[]
  /** The site.yaml and the plan at hand, of which approvals are judged. */
  readonly context?: { readonly siteDigest: string; readonly planDigest: string }
}

export interface Judged {
  /** Classes of the reasons, sorted; none when the bundle is accepted. */
  readonly classes: readonly string[]
  /** Files, or what else, the reasons begin with. */
  readonly named: readonly string[]
  readonly reasons: readonly string[]
}

const CLASSES: Readonly<Record<number, string>> = {
  [EXIT.trust]: 'trust',
  [EXIT.integrity]: 'integrity',
  [EXIT.floor]: 'floor',
  [EXIT.machine]: 'machine',
  [EXIT.input]: 'input',
}

/** Our verifier's answer to the same question, in the words of the second one. */
export async function judge(question: Question, damage: readonly Step[] = []): Promise<Judged> {
  const undo = damage.map((step) => apply(question.directory, step))
  try {
    const { directory, digest, act, floor = [], known = [], context = 'named' } = question
    let policy = acceptPolicy(await readFile(question.policy), { digest })
    for (const later of question.later ?? []) policy = acceptPolicy(await readFile(later), { current: policy })
    await verifyBundle(directory, { policy, act, now: new Date(question.now), floor, known, approving: context })
    return { classes: [], named: [], reasons: [] }
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return judged(error)
  } finally {
    for (const step of undo.toReversed()) step()
  }
}

function judged({ code, detail, message }: Fault): Judged {
  const codes = detail.codes ?? [code]
  const reasons = detail.faults ?? [message.replace(/^.* is refused: /, '')]
  const texts = reasons.map((reason) => reason.replace(/^E_[A-Z_]+: /, ''))
  return {
    classes: [...new Set(codes.map((one) => CLASSES[CODES[one as BundleCode].exit] ?? one))].sort(),
    named: [...new Set(texts.map((text) => text.replace(/^the folder /, '').split(' ')[0] ?? ''))].sort(),
    reasons,
  }
}

/** One outcome for every `step`th of the first `bits` bits of a file: `A` for accepted, or the first letters of the classes. */
export async function flips(question: Question, path: string, bits: number, step: number): Promise<string[]> {
  const policy = acceptPolicy(await readFile(question.policy), { digest: question.digest })
  const options = { policy, act: question.act, now: new Date(question.now) }
  const outcomes: string[] = []
  for (let bit = 0; bit < bits; bit += step) {
    flip(join(question.directory, path), bit)
    const outcome = await verifyBundle(question.directory, options).then(
      () => 'A',
      (error: unknown) => {
        if (!(error instanceof Fault)) throw error
        return judged(error).classes.map((one) => (one === 'input' ? 'n' : one[0])).join('')
      },
    )
    outcomes.push(outcome)
    flip(join(question.directory, path), bit)
  }
  return outcomes
}

function flip(path: string, bit: number): void {
  const file = openSync(path, 'r+')
  const byte = Buffer.alloc(1)
  readSync(file, byte, 0, 1, bit >> 3)
  byte[0] = (byte[0] ?? 0) ^ (1 << (bit & 7))
  writeSync(file, byte, 0, 1, bit >> 3)
  closeSync(file)
}

function swap(first: string, second: string): void {
  renameSync(first, `${first}.swap`)
  renameSync(second, first)
  renameSync(`${first}.swap`, second)
}

/** Applies one step; gives what undoes it. */
function apply(root: string, [kind, name, rest]: Step): () => void {
  const path = join(root, name)
  if (kind === 'flip') {
    flip(path, rest)
    return () => flip(path, rest)
  }
  if (kind === 'swap') {
    swap(path, join(root, rest))
    return () => swap(path, join(root, rest))
  }
  if (kind === 'copy') {
    copyFileSync(path, join(root, rest))
    return () => rmSync(join(root, rest))
  }
  if (kind === 'truncate') {
    const before = readFileSync(path)
    truncateSync(path, rest)
    return () => writeFileSync(path, before)
  }
  const aside = `${root}.aside-${name.replaceAll('/', '-')}`
  renameSync(path, aside)
  return () => renameSync(aside, path)
}
