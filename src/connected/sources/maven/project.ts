import { copyFile, mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { fault } from '../../codes.ts'
import { clientFault, lastWords, runClient, type ClientResult } from '../client.ts'
import type { Item, SourceContext } from '../source.ts'

/** Resolves everything a project needs, its plugins included, without building anything. */
const GO_OFFLINE = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:go-offline'
/**
 * Maven 3 gives this to each plugin that depends on no plexus-utils (its PlexusUtilsInjector), and go-offline does not
 * know of it: without it a plugin such as Surefire does not start from the mirror.
 */
const INJECTED = ['org.apache.maven.plugins:maven-dependency-plugin:3.8.1:get', '-Dartifact=org.codehaus.plexus:plexus-utils:1.1', '-Dtransitive=false']

/**
 * All that a pom.xml takes to be built: dependencies, plugins and their POMs, resolved by Maven into an empty local
 * repository, each file held to the repository's checksum. Throws E_UPSTREAM_MISSING, E_UPSTREAM_CHANGED, E_UNSATISFIABLE.
 */
export async function closureOf(pom: string, said: string, context: SourceContext): Promise<Item[]> {
  const folder = join(context.scratch, 'maven', crypto.randomUUID())
  const local = join(folder, 'repository')
  await mkdir(local, { recursive: true })
  await copyFile(pom, join(folder, 'pom.xml'))
  const words = ['--batch-mode', '--quiet', '--strict-checksums', `-Dmaven.repo.local=${local}`, '-Dmaven.artifact.threads=4']
  const result = await runClient('mvn', [...words, GO_OFFLINE, ...INJECTED], { cwd: folder, env: context.env, signal: context.signal, debian: 'maven' })
  if (!result.ok) throw projectFault(said, result)
  const items: Item[] = []
  for (const entry of await readdir(local, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name)
    if (!entry.isFile() || !/\.(?:jar|pom|war|zip|tar\.gz)$/.test(entry.name)) continue
    const path = relative(local, file)
    const sha1 = (await readFile(`${file}.sha1`, 'utf8').catch(() => '')).trim().split(/\s+/)[0] ?? ''
    if (!/^[0-9a-f]{40}$/i.test(sha1)) throw fault('E_UPSTREAM_CHANGED', 'The Maven repository has no checksum for a file.', { faults: [`maven: ${path}`] })
    const version = dirname(path)
    const artifact = dirname(version)
    const name = `${dirname(artifact).replaceAll('/', '.')}:${basename(artifact)}`
    items.push({ kind: 'maven', name, version: basename(version), path, upstream: `sha1:${sha1.toLowerCase()}`, size: (await stat(file)).size })
  }
  return items
}

function projectFault(said: string, result: ClientResult): Error {
  const words = `${result.stdout}\n${result.stderr}`
  const missing = [...words.matchAll(/Could not find artifact (\S+)/g)].map(([, name = '']) => `maven: no ${name}`)
  if (missing.length > 0) return fault('E_UPSTREAM_MISSING', `The Maven repository does not have what ${said} asks for.`, { faults: [...new Set(missing)] })
  if (/Checksum validation failed/i.test(words)) return fault('E_UPSTREAM_CHANGED', `A file that ${said} asks for is not what the Maven repository says.`, { faults: lastWords(result) })
  return clientFault('mvn', result, () => fault('E_UNSATISFIABLE', `Maven cannot resolve ${said}.`, { faults: lastWords(result, 20) }))
}
