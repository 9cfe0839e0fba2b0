import { createWriteStream, existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { openPromise } from 'yauzl'
import { fault } from '../../codes.ts'
import { aptSource } from '../apt/index.ts'
import { runClient } from '../client.ts'
import type { SourceContext } from '../source.ts'
import type { Repository } from './upstream.ts'

const MODEL_BUILDER = 'usr/share/java/maven3-model-builder.jar'

/**
 * Address of Maven's central repository, with a trailing slash, from this machine: a mirror in Maven's settings, or the
 * super POM that Maven itself starts from: the installed Maven's, or else that of Debian's package, which is fetched and
 * verified by apt and not installed.
 */
export async function centralRepository(context: SourceContext): Promise<Repository> {
  const settings = [join(context.env['HOME'] ?? homedir(), '.m2/settings.xml'), '/etc/maven/settings.xml']
  for (const path of settings) {
    const text = existsSync(path) ? await readFile(path, 'utf8') : ''
    const mirror = mirrorOfCentral(text)
    if (mirror !== undefined) return { address: slashed(mirror.url), ...loginOf(text, mirror.id, path, context.env) }
  }
  const jar = existsSync(`/${MODEL_BUILDER}`) ? `/${MODEL_BUILDER}` : await debianModelBuilder(context)
  const address = centralOfSuperPom(await superPom(jar))
  if (address === undefined)
    throw fault('E_CLIENT_UNCONFIGURED', 'Maven on this machine does not say where its central repository is.', {
      expected: `a <mirror> of central in ${settings.join(' or ')}`,
      found: 'none, and no central repository in the super POM',
    })
  return { address: slashed(address) }
}

const slashed = (address: string): string => (address.endsWith('/') ? address : `${address}/`)

/** `<mirror>` of central in settings.xml (maven.apache.org/guides/mini/guide-mirror-settings); blocked ones do not count. */
export function mirrorOfCentral(settings: string): { readonly id: string; readonly url: string } | undefined {
  for (const mirror of blocks(settings, 'mirror')) {
    const field = (name: string): string => fieldOf(mirror, name)
    const patterns = field('mirrorOf')
      .split(',')
      .map((one) => one.trim())
    if (field('blocked') === 'true' || patterns.includes('!central')) continue
    if (patterns.some((one) => ['central', '*', 'external:*'].includes(one))) return { id: field('id'), url: field('url') }
  }
  return undefined
}

/** `<server>` of a mirror (maven.apache.org/settings, "Servers"); `${env.NAME}` is read as Maven reads it. */
function loginOf(settings: string, id: string, file: string, env: NodeJS.ProcessEnv): Pick<Repository, 'login'> {
  const server = blocks(settings, 'server').find((one) => fieldOf(one, 'id') === id)
  if (server === undefined || id === '') return {}
  const plain = (name: string): string => fieldOf(server, name).replaceAll(/\$\{env\.([^}]+)\}/g, (_, own: string) => env[own] ?? '')
  const [username, password] = [plain('username'), plain('password')]
  if (/^\{.*\}$/.test(password))
    throw fault('E_CLIENT_UNCONFIGURED', `The password of the server ${id} in ${file} is encrypted, which only Maven itself reads.`, {
      expected: '${env.NAME} in its place, or a pom.xml as list, which Maven resolves',
      found: 'an encrypted password',
    })
  return username === '' ? {} : { login: { username, password } }
}

const blocks = (text: string, name: string): string[] =>
  [...text.replaceAll(/<!--[\s\S]*?-->/g, '').matchAll(new RegExp(`<${name}>([\\s\\S]*?)</${name}>`, 'g'))].map(([, block]) => block ?? '')
const ENTITIES: Readonly<Record<string, string>> = { '&lt;': '<', '&gt;': '>', '&amp;': '&', '&quot;': '"', '&apos;': "'" }
const fieldOf = (block: string, name: string): string =>
  (new RegExp(`<${name}>\\s*([^<]*?)\\s*</${name}>`).exec(block)?.[1] ?? '').replaceAll(/&(?:lt|gt|amp|quot|apos);/g, (entity) => ENTITIES[entity] ?? '')

function centralOfSuperPom(pom: string): string | undefined {
  for (const [, repository = ''] of pom.matchAll(/<repository>([\s\S]*?)<\/repository>/g))
    if (/<id>\s*central\s*<\/id>/.test(repository)) return /<url>\s*([^<]*?)\s*<\/url>/.exec(repository)?.[1]
  return undefined
}

async function superPom(jar: string): Promise<string> {
  const zip = await openPromise(jar, { strictFileNames: true })
  try {
    for await (const entry of zip.eachEntry()) {
      if (!/^org\/apache\/maven\/model\/pom-4\.\d\.\d\.xml$/.test(entry.fileName)) continue
      const chunks: Buffer[] = []
      for await (const chunk of await zip.openReadStreamPromise(entry)) chunks.push(chunk as Buffer)
      return Buffer.concat(chunks).toString('utf8')
    }
    return ''
  } finally {
    zip.close()
  }
}

async function debianModelBuilder(context: SourceContext): Promise<string> {
  const folder = join(context.scratch, 'maven')
  await mkdir(folder, { recursive: true })
  const apt = aptSource({ ...context, scratch: folder })
  const request = { items: ['libmaven3-core-java'], purpose: 'image' } as const
  const item = (await apt.resolve(request)).find((one) => one.name === 'libmaven3-core-java')
  if (item === undefined)
    throw fault('E_UPSTREAM_MISSING', 'Debian has no libmaven3-core-java.', { faults: ['apt: libmaven3-core-java'] })
  const deb = join(folder, 'maven.deb')
  await pipeline(await apt.fetch(item, request), createWriteStream(deb))
  const extracted = await runClient('dpkg-deb', ['--extract', deb, join(folder, 'root')], {
    env: context.env,
    signal: context.signal,
    debian: 'dpkg',
  })
  if (!extracted.ok)
    throw fault('E_CLIENT_UNCONFIGURED', 'Debian’s Maven package could not be read.', { faults: [extracted.stderr] })
  return join(folder, 'root', MODEL_BUILDER)
}
