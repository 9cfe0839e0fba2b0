import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isSeq, parseDocument } from 'yaml'
import { fault } from '../codes.ts'
import { writeDurably } from '../journal/durable.ts'
import { readHostKey } from '../remote/host-key.ts'
import type { NewHost } from './init.ts'
import { parseSite } from './read.ts'
import type { Site } from './site.ts'

const HOST_KEY_TIMEOUT_MS = 10_000

export interface AddedHost {
  readonly site: Site
  /** Writes site.yaml; until then nothing is changed. */
  readonly write: () => Promise<void>
}

/** The site with one host more, its SSH key confirmed; what else site.yaml says, comments too, stays as it is. */
export async function addHost(folder: string, { fingerprint, ...host }: NewHost): Promise<AddedHost> {
  const path = join(folder, 'site.yaml')
  const document = parseDocument(await readFile(path, 'utf8'))
  parseSite(document.toString({ lineWidth: 0 }), path)
  const hostKeys = [await readHostKey(host, fingerprint, HOST_KEY_TIMEOUT_MS)]
  const hosts = document.get('hosts')
  if (!isSeq(hosts)) throw fault('E_SITE_INVALID', `${path} lists no hosts`)
  const { name, address, port, roles = [] } = host
  hosts.add(document.createNode({ name, address, port, hostKeys, roles }))
  const text = document.toString({ lineWidth: 0 })
  return { site: parseSite(text, path), write: () => writeDurably(path, text) }
}
