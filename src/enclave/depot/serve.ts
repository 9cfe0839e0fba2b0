import { readFile, rm } from 'node:fs/promises'
import { request } from 'node:https'
import { join } from 'node:path'
import { fault } from '../codes.ts'
import { command, lastLines } from '../engine/command.ts'
import { writeDurably } from '../journal/durable.ts'
import { DEPOT_PORT, type HostPaths } from '../paths.ts'

const NGINX_TIMEOUT_MS = 60_000
const ASK_TIMEOUT_MS = 10_000
const MAX_ANSWER = 64 * 1024

/**
 * nginx serves the current release as static trees over TLS 1.3, read-only. `/v2/` is OCI pull: manifests get the media
 * type they have (a map beside the release), blobs none. The link `current` is followed at each request.
 */
export function nginxConfig(paths: HostPaths, domain: string, address: string): string {
  const listen = address.includes(':') ? `[${address}]` : address
  return `# Written by Sallyport; changes are overwritten.
map_hash_bucket_size 256;
map $uri $sallyport_manifest_type {
  default "application/vnd.oci.image.manifest.v1+json";
  include ${paths.current}/oci-types.map;
}
server {
  listen ${listen}:${DEPOT_PORT} ssl;
  server_name depot.${domain};
  server_tokens off;
  ssl_certificate ${paths.pki}/depot/cert.pem;
  ssl_certificate_key ${paths.pki}/depot/key.pem;
  ssl_protocols TLSv1.3;
  ssl_ecdh_curve SecP384r1MLKEM1024:secp384r1:X25519MLKEM768:X25519;
  if ($request_method !~ ^(GET|HEAD)$) { return 405; }
  types { }
  default_type application/octet-stream;
  add_header X-Content-Type-Options nosniff always;

  location / { return 404; }
  location = /v2/ {
    default_type application/json;
    return 200 "{}";
  }
  location ~ ^/v2/[a-z0-9/._-]+/manifests/ {
    root ${paths.current}/oci;
    default_type "";
    add_header Content-Type $sallyport_manifest_type;
    add_header Docker-Distribution-API-Version registry/2.0;
    add_header X-Content-Type-Options nosniff always;
  }
  location ~ ^/v2/[a-z0-9/._-]+/blobs/ {
    root ${paths.current}/oci;
  }
  location ~ ^/(apt|npm|pypi|maven|go|files)/ {
    root ${paths.current};
    types { text/html html; application/json json; }
    index index.html index.json;
    try_files $uri $uri/index.json $uri/index.html =404;
  }
}
`
}

/** Puts the configuration in place and makes nginx take it. Throws E_SERVE with nginx's own words. */
export async function serve(paths: HostPaths, domain: string, address: string, log: string): Promise<void> {
  await writeDurably(join(paths.nginx, 'conf.d/sallyport.conf'), nginxConfig(paths, domain, address))
  // Debian's welcome page on port 80: the depot offers TLS only.
  await rm(join(paths.nginx, 'sites-enabled/default'), { force: true })
  await nginx('/usr/sbin/nginx', ['-t'], log)
  await nginx('/usr/bin/systemctl', ['enable', 'nginx.service'], log)
  await nginx('/usr/bin/systemctl', ['reload-or-restart', 'nginx.service'], log)
}

async function nginx(file: string, args: readonly string[], log: string): Promise<void> {
  const { code, tail } = await command(file, args, { log, timeoutMs: NGINX_TIMEOUT_MS })
  if (code !== 0) throw fault('E_SERVE', `${file} ${args.join(' ')} ended with ${code}`, { faults: lastLines(tail, 15) })
}

/** Asks the depot as a client would: by name, over TLS, trusting the organisation's root alone. Throws E_SERVE. */
export async function askDepot(paths: HostPaths, domain: string, address: string, path: string): Promise<void> {
  const ca = await readFile(join(paths.pki, 'ca.pem'))
  const found = await new Promise<string>((resolve) => {
    const asked = request(
      { host: address, port: DEPOT_PORT, servername: `depot.${domain}`, headers: { host: `depot.${domain}:${DEPOT_PORT}` }, path, ca, timeout: ASK_TIMEOUT_MS, agent: false },
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
