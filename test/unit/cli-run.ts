import type { Command, Context } from '../../src/cli/command.ts'
import { readPassphrase } from '../../src/cli/passphrase.ts'
import { parseWords } from '../../src/cli/values.ts'

export interface Answer {
  readonly value: Record<string, unknown>
  readonly text: string
  /** What was shown before the result. */
  readonly said: string
}

/** Runs a command in `cwd` with real passphrase files; gives its result both ways. */
export async function runCommand(cwd: string, command: Command, words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Answer> {
  let result = { value: {}, text: '' }
  const said: string[] = []
  const context: Context = {
    cwd,
    json: false,
    env,
    signal: new AbortController().signal,
    say: (line) => void said.push(line),
    result: (value, text) => (result = { value: value as Record<string, unknown>, text: text() }),
    tasks: async (tasks) => {
      for (const task of tasks) await task.run(() => {})
    },
    passphrase: readPassphrase,
  }
  const { values, positionals } = parseWords(command, words)
  await command.run(context, values, positionals)
  return { ...result, said: said.join('\n') }
}
