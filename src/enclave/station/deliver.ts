import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Bundle } from '../../bundle/bundle.ts'
import type { OnProgress } from '../../bundle/fault.ts'
import { sha512 } from '../../bundle/digest.ts'
import { readRegular } from '../../bundle/io.ts'
import { isUnlisted, LAYOUT } from '../../bundle/layout.ts'
import { fault } from '../codes.ts'
import { hostPaths } from '../paths.ts'
import type { Offered } from '../engine/prepare.ts'
import type { Connection } from '../remote/connection.ts'
import { upload } from '../remote/upload.ts'
import { askEngine } from './ask.ts'

const MAX_UNLISTED = 64 << 20
const HOSTS_AT_ONCE = 4

/** Puts the bundle's own installer on every host, a few at a time. */
export async function deliverInstallers(connections: readonly Connection[], bundle: Bundle, onProgress: OnProgress): Promise<string> {
  const queue = [...connections]
  const sent = new Map<string, number>()
  let kept = 0
  const worker = async (): Promise<void> => {
    for (let connection = queue.shift(); connection; connection = queue.shift()) {
      const { name } = connection.host
      const there = await deliverInstaller(connection, bundle, ({ done, total = 0 }) => {
        sent.set(name, done)
        onProgress({ done: [...sent.values()].reduce((sum, bytes) => sum + bytes, 0), total: total * connections.length, unit: 'bytes' })
      })
      if (there) kept += 1
    }
  }
  await Promise.all(Array.from({ length: HOSTS_AT_ONCE }, worker))
  return kept === connections.length ? 'already there' : ''
}

/** Unless the very same is there; makes it the current one. Answers whether it was there. */
async function deliverInstaller(connection: Connection, bundle: Bundle, onProgress: OnProgress): Promise<boolean> {
  const installer = bundle.statement.installer
  if (!installer) throw fault('E_PREFLIGHT', 'the bundle carries no installer')
  const paths = hostPaths()
  const target = join(paths.binary, `sallyport-${installer.sha512.slice(0, 16)}`)
  await connection.must(`mkdir -p ${paths.binary} ${paths.journal} ${paths.incoming} && chmod 755 ${paths.depot} && chmod 700 ${paths.journal} ${paths.incoming} && install -d -m 700 ${paths.memory} ${paths.store}`)
  const there = await connection.exec(`printf '%s  %s\\n' ${installer.sha512} ${target} | sha512sum --check --status`)
  if (there.code !== 0) {
    await upload(connection, [{ source: join(bundle.directory, installer.path), target, ...installer }], onProgress)
    await connection.must(`printf '%s  %s\\n' ${installer.sha512} ${target} | sha512sum --check --status && chmod 755 ${target} && sync ${target}`)
  }
  await connection.must(`ln -s ${target} ${paths.installer}.new && mv -fT ${paths.installer}.new ${paths.installer}`)
  return there.code === 0
}

/** Sends the files that the depot does not hold yet; answers how many. */
export async function deliverBundle(connection: Connection, bundle: Bundle, onProgress: OnProgress, approvals?: string): Promise<string> {
  const apart = approvals === undefined ? [] : await approvalsApart(bundle, approvals)
  const offered = [...(await offeredFiles(bundle)), ...apart]
  const named = offered.map(({ path, sha512: digest, size }): Offered => ({ path, sha512: digest, size }))
  const missing = await askEngine<string[]>(connection, 'prepare', { digest: bundle.digest, files: named })
  const wanted = new Set(missing)
  const base = join(hostPaths().incoming, bundle.digest)
  const files = offered
    .filter(({ path }) => wanted.has(path))
    .map(({ path, ...file }) => ({ ...file, target: join(base, path) }))
  await upload(connection, files, onProgress)
  return `${files.length} of ${offered.length} files sent`
}

/** A file as it is offered, and where it stands on the station. */
interface Sent extends Offered {
  readonly source: string
}

/** Files of approvals that came apart from the bundle, under the places they would have in it; what the bundle has stays. */
export async function approvalsApart(bundle: Bundle, folder: string): Promise<Sent[]> {
  const offered: Sent[] = []
  for (const name of (await readdir(folder)).toSorted()) {
    const path = `${LAYOUT.approvals}/${name}`
    if (bundle.listing.files.has(path)) continue
    const bytes = await readRegular(join(folder, name), MAX_UNLISTED)
    if (!bytes) throw fault('E_UPLOAD', `${join(folder, name)} is no file of an approval`)
    offered.push({ path, sha512: sha512(bytes), size: bytes.byteLength, source: join(folder, name) })
  }
  return offered
}

/** Listed files by the signed list; the few that no list covers (statement, sums, signatures, approvals) by what was read here. */
async function offeredFiles(bundle: Bundle): Promise<Sent[]> {
  const offered: Sent[] = []
  for (const [path, size] of bundle.listing.files) {
    const listed = bundle.sums.get(path)
    const source = join(bundle.directory, path)
    if (listed !== undefined) offered.push({ path, sha512: listed, size, source })
    else if (isUnlisted(path)) {
      const bytes = await readRegular(source, MAX_UNLISTED)
      if (!bytes) throw fault('E_UPLOAD', `${path} is gone from the bundle`)
      offered.push({ path, sha512: sha512(bytes), size: bytes.byteLength, source })
    }
  }
  return offered
}
