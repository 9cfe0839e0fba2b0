import { execFileSync } from 'node:child_process'
import { createReadStream, copyFileSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import type { ContentStore } from '../../src/bundle/store.ts'
import type { TreeFile } from '../../src/connected/sources/source.ts'

export interface Authority {
  readonly ca: string
  readonly key: string
  readonly cert: string
}

/** A root and a certificate for localhost, as an organisation's PKI would issue it. */
export function authority(folder: string): Authority {
  mkdirSync(folder, { recursive: true })
  const [ca, caKey, key, cert] = ['ca.pem', 'ca.key', 'key.pem', 'cert.pem'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
    string,
  ]
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-nodes', '-days', '2']
  execFileSync('openssl', ['req', '-x509', ...curve, '-keyout', caKey, '-out', ca, '-subj', '/CN=Test root'], {
    stdio: 'ignore',
  })
  const leaf = [
    '-subj',
    '/CN=localhost',
    '-addext',
    'subjectAltName=DNS:localhost,IP:127.0.0.1',
    '-addext',
    'basicConstraints=CA:FALSE',
  ]
  execFileSync(
    'openssl',
    ['req', '-x509', ...curve, '-keyout', key, '-out', cert, '-CA', ca, '-CAkey', caKey, ...leaf],
    { stdio: 'ignore' },
  )
  return { ca, key, cert }
}

/** Copies a tree out of the store, as the depot lays it out. */
export function layOut(files: readonly TreeFile[], store: ContentStore, folder: string): void {
  for (const { path, sha256 } of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    copyFileSync(store.pathOf(sha256), join(folder, path))
  }
}

export interface StaticServer {
  /** `localhost:PORT` */
  readonly host: string
  close(): Promise<void>
}

/** Sees each request first; true when it has answered. */
export type Gate = (request: IncomingMessage, response: ServerResponse) => boolean

/** Static files over TLS: a file, or the index.html of a folder; nothing is made up. `port`: any free one when absent. */
export async function serveStatic(folder: string, { key, cert }: Authority, gate: Gate = () => false, port = 0): Promise<StaticServer> {
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
    if (gate(request, response)) return
    const asked = decodeURIComponent(new URL(request.url ?? '/', 'https://localhost').pathname)
    // As the depot does: tarballs at the address that locks of npm have.
    const path = asked.replace(/^\/npm\/((?:@[^/]+\/)?[^/@][^/]*)\/-\/([^/]+)$/, '/npm/_tarballs/$1/$2')
    for (const candidate of [join(folder, path), join(folder, path, 'index.json'), join(folder, path, 'index.html')]) {
      if (statSync(candidate, { throwIfNoEntry: false })?.isFile() !== true) continue
      if (path.startsWith('/galaxy/api/')) {
        // As the depot does: its own name in place of the one that stands in the answers.
        const text = readFileSync(candidate, 'utf8').replaceAll('https://registry.invalid/', `https://${request.headers.host ?? ''}/`)
        response.writeHead(200, { 'content-type': 'application/json' }).end(text)
        return
      }
      response.writeHead(200, {
        'content-type': candidate.endsWith('.html') ? 'text/html' : candidate.endsWith('.json') ? 'application/json' : 'application/octet-stream',
        'content-length': statSync(candidate).size,
      })
      createReadStream(candidate).pipe(response)
      return
    }
    response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return {
    host: `localhost:${(server.address() as AddressInfo).port}`,
    close: () => new Promise((resolve) => (server.close(() => resolve()), server.closeAllConnections())),
  }
}
