import type { OnProgress } from '../bundle/fault.ts'

/** One option of a command; all options are long, `short` is a single letter. */
export interface OptionSpec {
  readonly type: 'string' | 'boolean'
  readonly short?: string
  readonly multiple?: boolean
  readonly required?: boolean
  /** Shown in help: `--policy FILE`. */
  readonly value?: string
  readonly summary: string
}

export interface Task {
  readonly title: string
  run(progress: OnProgress): Promise<string | void>
}

/** What a command sees of the world. Commands print through it, never through console. */
export interface Context {
  readonly cwd: string
  readonly json: boolean
  readonly env: NodeJS.ProcessEnv
  readonly signal: AbortSignal
  /** A line for a person; silent with --json. */
  say(line: string): void
  /** The result: printed as JSON with --json, by `text` otherwise. */
  result(value: unknown, text: () => string): void
  /** Long work, shown by listr2 on a terminal, line by line without one, as JSON lines on stderr with --json. */
  tasks(tasks: readonly Task[]): Promise<void>
  /** A passphrase from `file`, or from a prompt without echo on a terminal. Throws E_USAGE without either. */
  passphrase(question: string, file: string | undefined): Promise<string>
}

export interface Values {
  /** Value of a string option; undefined when absent. */
  text(name: string): string | undefined
  /** Value of a required string option. */
  need(name: string): string
  list(name: string): readonly string[]
  flag(name: string): boolean
}

export interface Command {
  /** `['keys', 'new']` */
  readonly name: readonly string[]
  readonly summary: string
  /** `BUNDLE` for help; each word is one required positional, `[NAME]` an optional one, `NAME...` one or more. */
  readonly positionals?: readonly string[]
  readonly options?: Readonly<Record<string, OptionSpec>>
  /** A complete command line that works, shown in help. */
  readonly example: string
  /** Ends by itself, cleared up, when `signal` of its context fires; any other command is ended at once (exit 12). */
  readonly endsItself?: boolean
  /** Left out of the overview: run by the program itself on a depot. */
  readonly hidden?: boolean
  run(context: Context, values: Values, positionals: readonly string[]): Promise<void>
}
