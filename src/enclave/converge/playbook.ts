import { join } from 'node:path'
import { fault } from '../codes.ts'
import { command, lastLines } from '../engine/command.ts'
import { writeDurably } from '../journal/durable.ts'
import { failuresIn, recapOf } from './recap.ts'
import { inventoryFor, variablesFor, type Convergence } from './variables.ts'

const TIMEOUT_MS = 60 * 60_000

export interface PlaybookRun {
  /** The IaC tree of the release. */
  readonly tree: string
  /** `site`, `health`, `backup`, `restore` or `drain`. */
  readonly playbook: string
  /** Where inventory, variables and log go. */
  readonly folder: string
  readonly log: string
  /** ssh_config(5) for the hosts besides the depot, and options of its connections. */
  readonly ssh?: { readonly config: string; readonly options: readonly string[] }
  /** Only these hosts; all when absent. */
  readonly limit?: readonly string[]
  readonly onTask: (task: string) => void
}

/**
 * Runs one playbook of a release against the hosts of the site, on the depot. Answers what changed. Throws `code` with
 * the failed tasks; the whole output is in the log.
 */
export async function playbook(convergence: Convergence, run: PlaybookRun, code: 'E_CONVERGE' | 'E_HEALTH'): Promise<string> {
  const inventory = join(run.folder, 'inventory.json')
  const variables = join(run.folder, `variables-${run.playbook}.json`)
  await writeDurably(inventory, `${JSON.stringify(inventoryFor(convergence.site), null, 2)}\n`, 0o600)
  await writeDurably(variables, `${JSON.stringify(variablesFor(convergence), null, 2)}\n`, 0o600)
  const lines: string[] = []
  const { code: status, tail } = await command(
    '/usr/bin/ansible-playbook',
    ['-i', inventory, '-e', `@${variables}`, ...(run.limit ? ['--limit', run.limit.join(',')] : []), `${run.playbook}.yml`],
    {
      log: run.log,
      cwd: run.tree,
      env: {
        ANSIBLE_NOCOLOR: '1',
        ANSIBLE_FORCE_COLOR: '0',
        ANSIBLE_CONFIG: join(run.tree, 'ansible.cfg'),
        ...(run.ssh === undefined ? {} : { ANSIBLE_SSH_COMMON_ARGS: `-F ${run.ssh.config}`, ANSIBLE_SSH_ARGS: run.ssh.options.join(' ') }),
      },
      timeoutMs: TIMEOUT_MS,
      onLine: (line) => {
        lines.push(line)
        const task = /^(?:TASK|RUNNING HANDLER) \[(.*)\] \*+$/.exec(line)?.[1]
        if (task !== undefined) run.onTask(task)
      },
    },
  )
  if (status === 0) return recapOf(lines)
  const failures = failuresIn(lines)
  throw fault(code, `the playbook ${run.playbook}.yml of ${convergence.release.name} ${convergence.release.version} failed`, {
    faults: failures.length > 0 ? failures : lastLines(tail, 15),
    found: `ansible-playbook ended with ${status}; the whole output on the depot: ${run.log}`,
  })
}
