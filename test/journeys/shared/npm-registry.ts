import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Registry {
  readonly address: string
  close(): void
}

/** A registry of this machine alone with packages made here: name → the script that runs after its installation. All are 1.0.0. */
export async function npmRegistry(folder: string, packages: Readonly<Record<string, string>>): Promise<Registry> {
  const files = new Map<string, Buffer>()
  for (const [name, script] of Object.entries(packages)) {
    const place = join(folder, name)
    await mkdir(place, { recursive: true })
    const scripts = script === '' ? {} : { scripts: { postinstall: 'node after.js' } }
    await writeFile(join(place, 'package.json'), JSON.stringify({ name, version: '1.0.0', license: 'CC0-1.0', main: 'index.js', ...scripts }))
    await writeFile(join(place, 'index.js'), 'module.exports = 1\n')
    await writeFile(join(place, 'after.js'), script)
    await run('npm', ['pack', '--pack-destination', folder], { cwd: place })
    files.set(name, await readFile(join(folder, `${name}-1.0.0.tgz`)))
  }
  const server = createServer((request, response) => {
    const [, name = '', tarball] = (request.url ?? '').split('/')
    const bytes = files.get(name)
    if (bytes === undefined) return void response.writeHead(404).end('{}')
    if (tarball !== undefined) return void response.end(bytes)
    const integrity = `sha512-${createHash('sha512').update(bytes).digest('base64')}`
    const version = { name, version: '1.0.0', license: 'CC0-1.0', ...(packages[name] === '' ? {} : { scripts: { postinstall: 'node after.js' }, hasInstallScript: true }), dist: { integrity, tarball: `http://${request.headers.host}/${name}/-/${name}-1.0.0.tgz` } }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ name, 'dist-tags': { latest: '1.0.0' }, versions: { '1.0.0': version } }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, close: () => void server.close() }
}
