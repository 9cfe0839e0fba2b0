import { existsSync } from 'node:fs'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fault } from '../../codes.ts'
import { clientFault, lastWords, runClient, type ClientResult } from '../client.ts'
import type { RpmRepository, SourceContext } from '../source.ts'

/** dnf with a root of its own where nothing is installed, one repository, and every check switched on. */
export interface DnfClient {
  /** The repository as a folder of this machine; undefined when it is one of the machine's dnf configuration. */
  readonly upstream: string | undefined
  run(args: readonly string[]): Promise<ClientResult>
  /** Downloads packages and what they depend on, verified, into a new folder. */
  download(packages: readonly string[]): Promise<string>
  /** The repository's own index files that dnf has read and verified, by their names. */
  indexes(): Promise<{ readonly name: string; readonly file: string }[]>
}

/** Name of the repository in dnf's own configuration, when it is a folder. */
const OWN = 'mirror'
const MACHINE: Readonly<Record<string, string>> = { amd64: 'x86_64', arm64: 'aarch64' }

export async function dnfClient(repository: RpmRepository, folder: string, context: SourceContext): Promise<DnfClient> {
  const at = (name: string): string => join(folder, name)
  for (const part of ['repos', 'root', 'cache', 'log']) await mkdir(at(part), { recursive: true })
  const place = context.locate(repository.from)
  const upstream = existsSync(join(place, 'repodata/repomd.xml')) ? place : undefined
  const id = upstream === undefined ? repository.from : OWN
  const keys = repository.keys.map((key) => `file://${context.locate(key)}`).join(' ')
  if (upstream !== undefined) {
    const signed = existsSync(join(upstream, 'repodata/repomd.xml.asc'))
    await writeFile(at('repos/mirror.repo'), `[${OWN}]\nname=${repository.name}\nbaseurl=file://${upstream}\nrepo_gpgcheck=${signed ? 1 : 0}\n`)
  }
  const settings = [
    ...(upstream === undefined ? [] : [`reposdir=${at('repos')}`]),
    ...[`cachedir=${at('cache')}`, `logdir=${at('log')}`, 'install_weak_deps=0', 'gpgcheck=1', 'retries=3', 'plugins=0', 'best=1'],
    ...[`${id}.gpgcheck=1`, `${id}.sslverify=1`, `${id}.skip_if_unavailable=0`, `${id}.gpgkey=${keys}`],
  ]
  const words = [
    ...['--assumeyes', '--installroot', at('root'), '--releasever', context.target.release, '--forcearch', MACHINE[context.target.architecture] ?? context.target.architecture],
    ...settings.map((one) => `--setopt=${one}`),
    ...['--repo', id],
  ]
  const run = (args: readonly string[]): Promise<ClientResult> =>
    runClient('dnf', [...words, ...args], { cwd: folder, env: { ...context.env, GNUPGHOME: at('root') }, signal: context.signal, debian: 'dnf' })
  return {
    upstream,
    run,
    async download(packages) {
      const into = at(`got-${crypto.randomUUID()}`)
      const result = await run(['install', '--downloadonly', '--destdir', into, ...packages])
      if (!result.ok) throw dnfFault(repository, result)
      return into
    },
    async indexes() {
      const cache = (await readdir(at('cache'))).find((name) => name.startsWith(`${id}-`) && existsSync(at(`cache/${name}/repodata`)))
      const from = at(`cache/${cache ?? ''}/repodata`)
      return (await readdir(from)).sort().map((name) => ({ name, file: join(from, name) }))
    },
  }
}

function dnfFault({ name, from }: RpmRepository, result: ClientResult): Error {
  const words = `${result.stderr}\n${result.stdout}`
  const missing = /Unable to find a match: (.*)/.exec(words)?.[1]?.trim().split(/\s+/)
  if (missing !== undefined)
    return fault('E_UPSTREAM_MISSING', `The repository ${name} does not have what the definition asks for.`, { faults: missing.map((one) => `rpm: no ${one}`) })
  if (/GPG check FAILED|is not signed|Public key for|signature verification error|GPG signature|Failed to retrieve GPG key/i.test(words))
    return fault('E_UPSTREAM_SIGNATURE', `dnf does not accept a signature of the repository ${name}.`, { expected: 'packages signed by one of the keys of the definition', faults: lastWords(result) })
  if (/checksum|Downloading successful, but/i.test(words))
    return fault('E_UPSTREAM_CHANGED', `A file of the repository ${name} is not what its index says.`, { faults: lastWords(result) })
  if (/Unknown repo/i.test(words))
    return fault('E_CLIENT_UNCONFIGURED', `dnf on this machine has no repository ${from}, and there is no such folder.`, {
      expected: 'a folder beside the definition with repodata/, or the id of a repository in /etc/yum.repos.d',
      found: 'neither',
    })
  if (/Failed to download metadata|Cannot download|Curl error/i.test(words))
    return fault('E_UPSTREAM_UNREACHABLE', `dnf could not read the repository ${name}.`, { faults: lastWords(result) })
  return clientFault('dnf', result, () => fault('E_UNSATISFIABLE', `dnf cannot satisfy the packages of ${name} together.`, { faults: lastWords(result, 20) }))
}
