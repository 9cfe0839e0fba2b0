import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Authority } from './source-server.ts'

const run = promisify(execFile)

export interface Registry {
  /** `localhost:PORT` */
  readonly host: string
  stop(): void
}

export interface Person {
  readonly username: string
  readonly password: string
}

/** This machine's settings, with the registry's root as the only one that is trusted. */
export const trusting = ({ ca }: Authority, folder: string): NodeJS.ProcessEnv => ({ ...process.env, SSL_CERT_FILE: ca, SSL_CERT_DIR: join(folder, 'none') })

/** Debian's docker-registry over TLS on a free port of loopback, its images below the folder; with `person`, for nobody else. */
export async function startRegistry(folder: string, pki: Authority, person?: Person): Promise<Registry> {
  const port = await freePort()
  const config = join(folder, `registry-${port}.yml`)
  const lines = [
    'version: 0.1',
    'log: {level: error}',
    `storage: {filesystem: {rootdirectory: ${folder}/registry-${port}}}`,
    `http: {addr: "127.0.0.1:${port}", tls: {certificate: ${pki.cert}, key: ${pki.key}}}`,
  ]
  if (person) {
    writeFileSync(`${config}.htpasswd`, `${person.username}:${bcrypt(person.password)}\n`, { mode: 0o600 })
    lines.push(`auth: {htpasswd: {realm: organisation, path: ${config}.htpasswd}}`)
  }
  writeFileSync(config, lines.join('\n'))
  const child = spawn('docker-registry', ['serve', config], { stdio: 'ignore', env: { ...process.env, OTEL_TRACES_EXPORTER: 'none' } })
  await answers(child, port, trusting(pki, folder))
  return { host: `localhost:${port}`, stop: () => void child.kill() }
}

async function answers(child: ChildProcess, port: number, env: NodeJS.ProcessEnv): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const answered = await run('skopeo', ['list-tags', `docker://localhost:${port}/none`], { env }).then(
      () => true,
      (error: Error) => /404|name unknown|not known to registry|authentication required/i.test(error.message),
    )
    if (answered) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  child.kill()
  throw new Error('docker-registry does not answer')
}

/** crypt(3) of the Debian package that every machine has. */
function bcrypt(password: string): string {
  return execFileSync('perl', ['-e', 'print crypt(<STDIN>, q($2b$04$thesaltofthejourney.ab))'], { input: password, encoding: 'utf8' })
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
