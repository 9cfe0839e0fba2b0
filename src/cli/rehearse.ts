import { resolve } from 'node:path'
import { Fault } from '../bundle/fault.ts'
import { requireLab } from '../lab/lab.ts'
import { startRehearsal, type Rehearsal } from '../proof/rehearse.ts'
import type { Command } from './command.ts'

export const command: Command = {
  name: ['rehearse'],
  endsItself: true,
  summary: 'install a release in disposable hosts without network, upgrade it, go back, upgrade again; say how long and what reached out',
  positionals: ['NEW'],
  options: {
    from: { type: 'string', value: 'OLD', required: true, summary: 'the release that runs at the site; both bundles may be signed or not' },
    hosts: { type: 'string', value: 'N', summary: 'hosts of the rehearsal, 1 to 3 (default 1), with the roles of the profile standard that the release has images for' },
  },
  example: 'sallyport rehearse --from out/mesh-1.0.0 out/mesh-1.1.0',
  async run(context, values, [fresh = '']) {
    requireLab()
    const run = await startRehearsal({
      old: resolve(context.cwd, values.need('from')),
      fresh: resolve(context.cwd, fresh),
      lab: `prove-${process.pid}`,
      hosts: Number(values.text('hosts') ?? 1),
      now: () => new Date(),
      signal: context.signal,
    })
    try {
      await context.tasks(run.steps)
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'E_REHEARSAL') throw error
      await run.end()
      context.say(describe(run.result()))
      throw error
    } finally {
      await run.end()
    }
    const rehearsal = run.result()
    context.result(rehearsal, () => describe(rehearsal))
  },
}

function describe({ from, to, acts, packets }: Rehearsal): string {
  const width = Math.max(...acts.map(({ title }) => title.length), 1)
  const elsewhere = Object.entries(packets?.elsewhere ?? {}).map(([packet, times]) => `  on the wire: ${packet} (${times} times)`)
  const reached = acts.flatMap((act) => act.reached.map(({ to: place, times, during, host }) => `  ${act.title}, ${during}, ${host}: ${place} (${times} times)`))
  return [
    `${from.name} ${from.version} to ${to.version}, in disposable hosts without network:`,
    ...acts.map(({ title, seconds, faults }) => `  ${title.padEnd(width)}  ${seconds.toFixed(1).padStart(7)} s  ${faults.length === 0 ? 'well' : 'NOT well'}`),
    reached.length + elsewhere.length === 0 ? 'Nothing reached out.' : 'What reached out:',
    ...reached,
    ...elsewhere,
  ].join('\n')
}
