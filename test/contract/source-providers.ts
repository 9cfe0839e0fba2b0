import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { PROVIDER } from './opentofu.ts'
import { authority, serveStatic, type StaticServer } from './source-server.ts'

const run = promisify(execFile)

/** The port is left out of a provider's address, and so of a path in the mirror. */
const HTTPS = 443
/** A provider's address begins with its registry; every machine knows this one. */
export const REGISTRY = 'localhost'
export const ADDRESS = `${REGISTRY}/team/local`
const API = '/v1/providers'

/** An organisation's own registry of providers (opentofu.org/docs/internals/provider-registry-protocol), with a login and a root of its own. */
export interface ProviderRegistry {
  readonly served: string
  readonly token: string
  /** Settings of a build machine's client: who to trust, and the login. */
  login(wrong?: string): NodeJS.ProcessEnv
  /** What was asked for with the right login. */
  readonly answered: readonly string[]
  close(): Promise<void>
}

/** Serves one provider, signed as its publisher signs it. */
export async function providerRegistry(root: string, archive: string): Promise<ProviderRegistry> {
  const served = join(root, 'registry')
  const token = `token-${crypto.randomUUID()}`
  const pki = authority(join(root, 'registry-pki'))
  const put = async (path: string, content: unknown): Promise<void> => {
    await mkdir(dirname(join(served, path)), { recursive: true })
    await writeFile(join(served, path), typeof content === 'string' ? content : JSON.stringify(content))
  }
  const { version, file } = PROVIDER
  const sum = createHash('sha256').update(await readFile(archive)).digest('hex')
  await put('.well-known/terraform.json', { 'providers.v1': `${API}/` })
  await put(`${API}/team/local/versions`, { versions: [{ version, protocols: ['5.0'], platforms: [{ os: 'linux', arch: 'amd64' }] }] })
  await put(`files/${file}`, '')
  await copyFile(archive, join(served, 'files', file))
  await put('files/SHA256SUMS', `${sum}  ${file}\n`)
  const { key, keyId } = await signed(join(served, 'files/SHA256SUMS'))
  await put(`${API}/team/local/${version}/download/linux/amd64`, {
    ...{ protocols: ['5.0'], os: 'linux', arch: 'amd64', filename: file, shasum: sum },
    ...{ download_url: `https://${REGISTRY}/files/${file}`, shasums_url: `https://${REGISTRY}/files/SHA256SUMS`, shasums_signature_url: `https://${REGISTRY}/files/SHA256SUMS.sig` },
    signing_keys: { gpg_public_keys: [{ key_id: keyId, ascii_armor: key }] },
  })
  const answered: string[] = []
  const gate = (path: string, login: string | undefined): number | undefined => {
    if (path.startsWith(API) && login !== `Bearer ${token}`) return 401
    answered.push(path)
    return undefined
  }
  const server: StaticServer = await serveStatic(
    served,
    pki,
    (request, response) => {
      const refused = gate(request.url ?? '', request.headers.authorization)
      if (refused !== undefined) response.writeHead(refused).end()
      return refused !== undefined
    },
    HTTPS,
  )
  // The roots that the machine trusts already, for the other clients of the same build.
  const roots = join(root, 'roots.pem')
  const own = process.env['SSL_CERT_FILE'] ?? '/etc/ssl/certs/ca-certificates.crt'
  await writeFile(roots, `${await readFile(own, 'utf8')}\n${await readFile(pki.ca, 'utf8')}`)
  return {
    ...{ served, token, answered },
    login: (wrong = '') => ({ SSL_CERT_FILE: roots, [`TF_TOKEN_${REGISTRY}`]: `${token}${wrong}` }),
    close: () => server.close(),
  }
}

/** Signs a list of sums beside it, with a key made for that; the key as its publisher shows it. */
async function signed(path: string): Promise<{ key: string; keyId: string }> {
  // The agent's socket has to have a short path.
  const home = await mkdtemp('/tmp/provider-key-')
  const env = { ...process.env, GNUPGHOME: home, HOME: home }
  try {
    await run('gpg', ['--batch', '--quiet', '--pinentry-mode', 'loopback', '--passphrase', '', '--quick-gen-key', 'Provider <provider@example.org>', 'rsa3072', 'sign', 'never'], { env })
    await run('gpg', ['--batch', '--yes', '--output', `${path}.sig`, '--detach-sign', path], { env })
    const { stdout: listed } = await run('gpg', ['--with-colons', '--list-keys'], { env })
    const { stdout: key } = await run('gpg', ['--armor', '--export'], { env })
    return { key, keyId: /^pub:(?:[^:]*:){3}([0-9A-F]{16}):/m.exec(listed)?.[1] ?? '' }
  } finally {
    await run('gpgconf', ['--kill', 'all'], { env }).catch(() => undefined)
    await rm(home, { recursive: true, force: true })
  }
}
