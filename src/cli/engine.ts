import { ACTIONS } from '../enclave/engine/actions.ts'
import { certificatesHeld, certificatesIssued, certificatesWanted, revocationsTaken, type CertificateQuestion } from '../enclave/engine/certificates.ts'
import { settle } from '../enclave/engine/commit.ts'
import { prepareHost, pruneBackups, remember, type BackupsToKeep, type HostMemory, type HostPreparation } from '../enclave/engine/host.ts'
import { prepareIncoming, type Offered } from '../enclave/engine/prepare.ts'
import { runPlan } from '../enclave/engine/run.ts'
import { endPlan, startPlan, type Handover } from '../enclave/engine/start.ts'
import { engineKey, takeCertificate, type EngineCertificate } from '../enclave/engine/ssh-agent.ts'
import { hostPaths } from '../enclave/paths.ts'
import type { IssuedCertificate } from '../enclave/pki/accept.ts'
import { fault } from './codes.ts'
import type { Command } from './command.ts'

const MAX_QUESTION = 64 << 20

type Verb = (argument: string | undefined) => Promise<unknown>

const now = (): Date => new Date()

/** What the station asks the depot over SSH, and what the unit of the engine runs. Questions are JSON on standard input. */
const VERBS: Readonly<Record<string, Verb>> = {
  prepare: async () => {
    const { digest, files } = await question<{ digest: string; files: Offered[] }>()
    return prepareIncoming(hostPaths(), digest, files)
  },
  certificates: async () => certificatesWanted(hostPaths(), await question<CertificateQuestion>(), now()),
  accept: async () => certificatesIssued(hostPaths(), await question<CertificateQuestion & { issued: IssuedCertificate[] }>(), now()),
  revocations: async () => {
    await revocationsTaken(hostPaths(), await question<CertificateQuestion>(), now())
    return true
  },
  'certificates-held': async () => certificatesHeld(hostPaths(), await question<CertificateQuestion>(), now()),
  key: async () => engineKey(hostPaths(), (await question<{ plan: string }>()).plan, now()),
  certified: async () => {
    await takeCertificate(hostPaths(), await question<EngineCertificate>())
    return true
  },
  'host-prepare': async () => {
    await prepareHost(hostPaths(), await question<HostPreparation>(), now())
    return true
  },
  'host-remember': async () => {
    await remember(hostPaths(), await question<HostMemory>(), now())
    return true
  },
  'host-prune': async () => {
    await pruneBackups(await question<BackupsToKeep>())
    return true
  },
  start: async () => startPlan(hostPaths(), await question<Handover>(), now),
  run: async (id) => {
    if (!id || !/^[0-9a-f]{24}$/.test(id)) throw fault('E_USAGE', 'engine run needs the id of a plan')
    const outcome = await runPlan(hostPaths(), id, { actions: ACTIONS, settle, now })
    await endPlan(hostPaths(), id)
    return { plan: id, outcome }
  },
}

export const command: Command = {
  name: ['engine'],
  hidden: true,
  summary: 'the part that runs on the depot; called by the other commands over SSH and by systemd',
  positionals: ['VERB', '[PLAN]'],
  example: 'sallyport engine run 0123456789abcdef01234567',
  async run(context, _values, [verb = '', argument]) {
    const work = VERBS[verb]
    if (!work) throw fault('E_USAGE', `the engine knows no ${JSON.stringify(verb)}`, { expected: Object.keys(VERBS).join(', ') })
    const answer = await work(argument)
    context.result(answer, () => JSON.stringify(answer))
  },
}

async function question<T>(): Promise<T> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of process.stdin) {
    size += (chunk as Buffer).length
    if (size > MAX_QUESTION) throw fault('E_USAGE', `more than ${MAX_QUESTION} bytes on standard input`)
    chunks.push(chunk as Buffer)
  }
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as T
}
