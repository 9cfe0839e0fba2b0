import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fault } from '../../codes.ts'
import { clientFault, lastWords, runClient, type ClientResult } from '../client.ts'
import { archiveKeyring, archivesFor, transportSettings, type Archive } from './machine.ts'

/** apt with a configuration of its own: its state, its sources and every check switched on, whatever the machine says. */
export interface AptClient {
  readonly archives: readonly Archive[]
  readonly lists: string
  run(program: 'apt-get' | 'apt-cache' | '/usr/lib/apt/apt-helper', args: readonly string[]): Promise<ClientResult>
  /** Downloads the signed indexes and has apt verify them. */
  update(): Promise<void>
}

export interface AptSettings {
  readonly folder: string
  readonly architecture: string
  readonly suites: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly signal: AbortSignal
}

function configuration(folder: string, architecture: string, transport: readonly string[]): string {
  return [
    `Dir::Etc::Parts "${folder}/empty";`,
    `Dir::Etc::main "${folder}/none";`,
    'Dir::Etc::sourcelist "/dev/null";',
    `Dir::Etc::sourceparts "${folder}/sources";`,
    'Dir::Etc::preferences "/dev/null";',
    `Dir::Etc::preferencesparts "${folder}/empty";`,
    `Dir::State "${folder}/state";`,
    `Dir::State::status "${folder}/status";`,
    `Dir::Cache "${folder}/cache";`,
    `APT::Architecture "${architecture}";`,
    `APT::Architectures { "${architecture}"; };`,
    'APT::Install-Recommends "false";',
    'APT::Install-Suggests "false";',
    'APT::Update::Error-Mode "any";',
    'APT::Sandbox::User "";',
    'Acquire::Languages "none";',
    'Acquire::Check-Valid-Until "true";',
    'Acquire::Check-Date "true";',
    'Acquire::Retries "3";',
    ...transport,
    '',
  ].join('\n')
}

function sources(archives: readonly Archive[], keyring: string): string {
  return archives
    .map(
      ({ uri, suites }) =>
        `Types: deb\nURIs: ${uri}\nSuites: ${suites.join(' ')}\nComponents: main\nSigned-By: ${keyring}\n`,
    )
    .join('\n')
}

const SIGNATURE =
  /NO_PUBKEY|is not signed|not valid yet|is expired|Release file .*expired|invalid signature|BADSIG|EXPKEYSIG|REVKEYSIG|Clearsigned file/i

function updateFault(result: ClientResult): Error {
  if (SIGNATURE.test(result.stderr))
    return fault('E_UPSTREAM_SIGNATURE', 'apt does not accept the signed index of a Debian suite.', {
      faults: lastWords(result),
    })
  if (/404\s+Not Found|does not have a Release file/i.test(result.stderr))
    return fault('E_UPSTREAM_MISSING', 'A Debian suite is not at the address of this machine’s apt sources.', {
      faults: lastWords(result),
    })
  return clientFault('apt-get', result, () =>
    fault('E_UPSTREAM_UNREACHABLE', 'apt-get could not update its indexes.', { faults: lastWords(result) }),
  )
}

/** A private apt in `folder`. Its root is clean: nothing counts as installed. */
export async function aptClient({ folder, architecture, suites, env, signal }: AptSettings): Promise<AptClient> {
  for (const part of ['empty', 'sources', 'state/lists/partial', 'cache/archives/partial'])
    await mkdir(join(folder, part), { recursive: true })
  const archives = await archivesFor(suites, { env, signal })
  await writeFile(join(folder, 'status'), '')
  await writeFile(
    join(folder, 'apt.conf'),
    configuration(folder, architecture, await transportSettings({ env, signal })),
  )
  await writeFile(join(folder, 'sources/upstream.sources'), sources(archives, archiveKeyring()))
  const own = { ...env, APT_CONFIG: join(folder, 'apt.conf') }
  const run: AptClient['run'] = (program, args) =>
    runClient(program, args, { env: own, signal, debian: 'apt', cwd: folder })
  return {
    archives,
    lists: join(folder, 'state/lists'),
    run,
    async update() {
      const result = await run('apt-get', ['update', '-qq'])
      if (!result.ok) throw updateFault(result)
    },
  }
}
