import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { cacheFolder } from '../../src/bundle/cache.ts'
import type { Judged, Question, Step } from './damage.ts'

const FOLDER = new URL('../second-verifier/', import.meta.url).pathname

/** The Python of an environment of its own, pinned by hash and made once. */
export async function python(): Promise<string> {
  const requirements = join(FOLDER, 'requirements.txt')
  const version = run('python3', ['-c', 'import sys; print(sys.version)'])
  const key = createHash('sha256').update(`${version}${readFileSync(requirements, 'utf8')}`).digest('hex').slice(0, 16)
  const environment = join(cacheFolder(process.env), 'second-verifier', key)
  const program = join(environment, 'bin/python3')
  const whole = join(environment, 'whole')
  if (!existsSync(whole)) {
    await rm(environment, { recursive: true, force: true })
    run('python3', ['-m', 'venv', environment])
    run(program, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--only-binary', ':all:', '--require-hashes', '-r', requirements])
    await writeFile(whole, '')
  }
  return program
}

function run(program: string, words: readonly string[]): string {
  const ended = spawnSync(program, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  if (ended.error) throw ended.error
  if (ended.status !== 0) throw new Error(`${program} ${words.join(' ')} ended with ${ended.status}`)
  return ended.stdout
}

/** The second verifier, kept running: it damages, judges and mends its own copy of a bundle as it is asked. */
export class SecondVerifier {
  readonly #child: ChildProcess
  readonly #answers: AsyncIterator<string>

  private constructor(program: string) {
    this.#child = spawn(program, [join(FOLDER, 'damage.py')], { stdio: ['pipe', 'pipe', 'inherit'] })
    if (!this.#child.stdout) throw new Error('no output')
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  static async start(): Promise<SecondVerifier> {
    return new SecondVerifier(await python())
  }

  end(): void {
    this.#child.stdin?.end()
  }

  async judge(question: Question, damage: readonly Step[] = []): Promise<Judged> {
    const { classes, reasons } = (await this.#ask({ ...question, damage })) as { classes: string[]; reasons: string[] }
    return { classes, named: [...new Set(reasons.map((reason) => reason.split(' ')[0] ?? ''))].sort(), reasons }
  }

  /** One outcome for every `step`th of the first `bits` bits of a file. */
  async flips(question: Question, path: string, bits: number, step: number): Promise<string[]> {
    return ((await this.#ask({ ...question, flips: [path, bits, step] })) as string).split(' ')
  }

  /** Whether each path is refused; `plain` as for files that stand in the bundle itself. */
  async pathsRefused(paths: readonly string[], plain: boolean): Promise<boolean[]> {
    return (await this.#ask({ paths, plain })) as boolean[]
  }

  async setsRefused(sets: readonly (readonly string[])[]): Promise<boolean[]> {
    return (await this.#ask({ sets })) as boolean[]
  }

  async #ask(question: object): Promise<unknown> {
    this.#child.stdin?.write(`${JSON.stringify(question)}\n`)
    const { done, value } = await this.#answers.next()
    if (done) throw new Error('the second verifier ended')
    return JSON.parse(value)
  }
}
