import { mkdir, readFile, rm, symlink } from 'node:fs/promises'
import { request } from 'node:https'
import { join } from 'node:path'
import { fault } from '../codes.ts'
import { command, lastLines } from '../engine/command.ts'
import { readIfPresent, writeDurably } from '../journal/durable.ts'
import { DEPOT_PORT, type HostPaths } from '../paths.ts'
import { nginxConfig, nginxFiles, nginxUnit, refreshScript } from './nginx.ts'

const NGINX_TIMEOUT_MS = 60_000
const ASK_TIMEOUT_MS = 10_000
const MAX_ANSWER = 64 * 1024

/** Before the package comes: Debian starts a service as soon as it is there. */
export async function holdNginx(paths: HostPaths): Promise<boolean> {
  const { unit } = nginxFiles(paths)
  const text = nginxUnit(paths)
  if ((await readIfPresent(unit)) === text) return false
  await writeDurably(unit, text)
  return true
}

/** Puts the configuration in place and makes nginx take it. Throws E_SERVE with nginx's own words. */
export async function serve(paths: HostPaths, domain: string, address: string, log: string): Promise<void> {
  const files = nginxFiles(paths)
  const anew = await holdNginx(paths)
  await writeDurably(files.refresh, refreshScript(paths), 0o755)
  await mkdir(paths.reloadHooks, { recursive: true, mode: 0o755 })
  await rm(files.hook, { force: true })
  await symlink(files.refresh, files.hook)
  await writeDurably(files.config, nginxConfig(paths, domain, address))
  await nginx('/usr/bin/systemctl', ['daemon-reload'], log)
  await nginx('/usr/bin/systemctl', ['enable', 'nginx.service'], log)
  if (anew) await nginx('/usr/bin/systemctl', ['stop', 'nginx.service'], log)
  await nginx(files.refresh, [], log)
  await nginx('/usr/bin/systemctl', ['reload-or-restart', 'nginx.service'], log)
}

async function nginx(file: string, args: readonly string[], log: string): Promise<void> {
  const { code, tail } = await command(file, args, { log, timeoutMs: NGINX_TIMEOUT_MS })
  if (code === 0) return
  const words = await command('/usr/bin/journalctl', ['--unit=nginx.service', '--lines=15', '--no-pager', '--output=cat'], { timeoutMs: NGINX_TIMEOUT_MS })
  throw fault('E_SERVE', `${[file, ...args].join(' ')} ended with ${code}`, { faults: [...lastLines(tail, 5), ...lastLines(words.tail, 15)] })
}

/** Asks the depot as a host would: by name, over TLS, with the host's certificate, trusting the organisation's root alone. Throws E_SERVE. */
export async function askDepot(paths: HostPaths, domain: string, address: string, path: string): Promise<void> {
  const [ca, key, cert] = await Promise.all(['ca.pem', 'host/key.pem', 'host/cert.pem'].map((name) => readFile(join(paths.pki, name))))
  const found = await new Promise<string>((resolve) => {
    const asked = request(
      { host: address, port: DEPOT_PORT, servername: `depot.${domain}`, headers: { host: `depot.${domain}:${DEPOT_PORT}` }, path, ca, key, cert, timeout: ASK_TIMEOUT_MS, agent: false },
      (response) => {
        let size = 0
        response.on('data', (chunk: Buffer) => {
          size += chunk.length
          if (size > MAX_ANSWER) response.destroy()
        })
        response.on('close', () => resolve(String(response.statusCode)))
      },
    )
    asked.on('timeout', () => asked.destroy(new Error('timeout')))
    asked.on('error', (error) => resolve(error.message))
    asked.end()
  })
  if (found !== '200') throw fault('E_SERVE', `https://depot.${domain}:${DEPOT_PORT}${path} does not answer`, { expected: '200', found })
}
