import { execa } from 'execa'
import type { Lab, LabHost } from './state.ts'

const LOGIN_LIMIT_MS = 20_000

export interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Arguments for ssh(1) to one host: only the lab's key, only the host keys the lab made, no personal settings. */
export function sshArguments(lab: Lab, host: LabHost): string[] {
  const options = [
    'IdentitiesOnly=yes',
    `UserKnownHostsFile=${lab.knownHosts}`,
    'GlobalKnownHostsFile=/dev/null',
    'StrictHostKeyChecking=yes',
    'BatchMode=yes',
    'ConnectTimeout=10',
    'LogLevel=ERROR',
  ]
  const settings = options.flatMap((option) => ['-o', option])
  return ['-F', 'none', '-i', lab.identity, ...settings, '-p', String(host.port), `${host.user}@${host.address}`]
}

/** Runs a shell line on a host as root. `code` is that of the line, 255 when the host could not be reached or `signal` fired. */
export async function labRun(lab: Lab, host: LabHost, line: string, input?: string, signal?: AbortSignal): Promise<Outcome> {
  const done = await execa('ssh', [...sshArguments(lab, host), '--', line], {
    reject: false,
    ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
    ...(signal === undefined ? {} : { cancelSignal: signal }),
  })
  return { code: done.exitCode ?? 255, stdout: done.stdout, stderr: done.stderr }
}

/** A person's session on a host, or one line on it, with this terminal. Returns the exit status. */
export async function labShell(lab: Lab, host: LabHost, line: string | undefined): Promise<number> {
  const rest = line === undefined ? [] : ['--', line]
  const done = await execa('ssh', [...sshArguments(lab, host), ...rest], { reject: false, stdio: 'inherit' })
  return done.exitCode ?? 255
}

/**
 * Reads the words after a lab's name: a host's name, if the first is one (else its first host), then a command. A
 * command of one word is a line for the host's shell; several are kept apart as they are.
 */
export function splitWords(lab: Lab, words: readonly string[]): { host: LabHost; line: string | undefined } {
  const named = lab.hosts.find((host) => host.name === words[0])
  const command = named === undefined ? words : words.slice(1)
  const line = command.length > 1 ? command.map(quoted).join(' ') : command[0]
  return { host: named ?? (lab.hosts[0] as LabHost), line }
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

/** Whether root can log in right now. */
export async function answers(lab: Lab, host: LabHost): Promise<boolean> {
  const done = await execa('ssh', [...sshArguments(lab, host), '--', 'true'], {
    reject: false,
    stdin: 'ignore',
    timeout: LOGIN_LIMIT_MS,
  })
  return done.exitCode === 0
}
