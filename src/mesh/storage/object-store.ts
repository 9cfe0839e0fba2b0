import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Agent } from 'node:https'
import type { Readable } from 'node:stream'
import { Client } from 'minio'
import { fault } from '../codes.ts'
import type { MeshConfig } from '../config.ts'
import type { MeshFault } from '../fault.ts'

/** What the mesh needs of an S3 object store; every call throws E_MESH_STORE when the store does not do it. */
export interface ObjectStore {
  /** Makes the bucket when it is missing. `locked`: with object lock, which S3 allows only when a bucket is made. */
  ensureBucket(bucket: string, kind: 'plain' | 'locked'): Promise<void>
  put(bucket: string, key: string, body: Buffer): Promise<void>
  /**
   * Writes an object that nobody can delete or change before `until` (COMPLIANCE), and only if the key is free: of two
   * writers one fails.
   */
  putLocked(bucket: string, key: string, body: Buffer, until: Date): Promise<void>
  get(bucket: string, key: string, mostBytes: number): Promise<Buffer>
  /** Bytes of an object; undefined when there is none. */
  size(bucket: string, key: string): Promise<number | undefined>
  remove(bucket: string, key: string): Promise<void>
  /** The first key with this prefix that sorts after `after`. */
  firstAfter(bucket: string, prefix: string, after: string): Promise<string | undefined>
  /** Until when the object is locked in COMPLIANCE mode; undefined when it is not. */
  lockedUntil(bucket: string, key: string): Promise<Date | undefined>
  /** Throws unless the bucket exists and has object lock enabled. */
  checkLock(bucket: string): Promise<void>
}

const TIMEOUT_MS = 15_000

export async function openObjectStore(config: MeshConfig['objectStore'], agent: Agent): Promise<ObjectStore> {
  const endpoint = new URL(config.endpoint)
  const [accessKey, secretKey] = await Promise.all([
    readFile(config.accessKeyFile, 'utf8'),
    readFile(config.secretKeyFile, 'utf8'),
  ])
  const client = new Client({
    endPoint: endpoint.hostname,
    port: endpoint.port === '' ? 443 : Number(endpoint.port),
    useSSL: true,
    region: config.region,
    accessKey: accessKey.trim(),
    secretKey: secretKey.trim(),
    pathStyle: true,
    transportAgent: agent,
    // A repeated write of a locked object is a different act: who retries is decided by the caller.
    retryOptions: { disableRetry: true },
  })
  return {
    ensureBucket: (bucket, kind) =>
      within(`make the bucket ${bucket}`, async () => {
        if (await client.bucketExists(bucket)) return
        await client.makeBucket(bucket, config.region, { ObjectLocking: kind === 'locked' })
      }),
    put: (bucket, key, body) =>
      within(`write ${bucket}/${key}`, async () => {
        await client.putObject(bucket, key, body, body.length, { 'content-type': 'application/octet-stream' })
      }),
    putLocked: (bucket, key, body, until) =>
      within(`write the locked object ${bucket}/${key}`, async () => {
        // `putObject` would send the lock as mere metadata: it knows no x-amz-object-lock headers (minio 8.0.7).
        const headers = {
          'content-type': 'application/octet-stream',
          'content-length': body.length,
          'content-md5': createHash('md5').update(body).digest('base64'),
          'if-none-match': '*',
          'x-amz-object-lock-mode': 'COMPLIANCE',
          'x-amz-object-lock-retain-until-date': until.toISOString(),
        }
        const answer = await client.makeRequestAsync(
          { method: 'PUT', bucketName: bucket, objectName: key, headers },
          body,
          [200],
          config.region,
        )
        answer.resume()
      }),
    get: (bucket, key, mostBytes) =>
      within(`read ${bucket}/${key}`, async () => collect(await client.getObject(bucket, key), mostBytes)),
    size: (bucket, key) =>
      within(`find ${bucket}/${key}`, async () => {
        const found = await client.statObject(bucket, key).catch((error: { code?: unknown }) => {
          if (['NotFound', 'NoSuchKey', 'NoSuchBucket'].includes(String(error.code))) return undefined
          throw error
        })
        return found?.size
      }),
    remove: (bucket, key) => within(`remove ${bucket}/${key}`, () => client.removeObject(bucket, key)),
    firstAfter: (bucket, prefix, after) =>
      within(`list ${bucket}/${prefix}`, async () => {
        const { objects } = await client.listObjectsV2Query(bucket, prefix, '', '', 1, after)
        const [first] = objects
        return first !== undefined && 'name' in first ? first.name : undefined
      }),
    lockedUntil: (bucket, key) =>
      within(`read the lock of ${bucket}/${key}`, async () => {
        const request = { method: 'GET', bucketName: bucket, objectName: key, query: 'retention' }
        const answer = await client.makeRequestAsync(request, '', [200], config.region).catch((error: { code?: unknown }) => {
          if (error.code === 'NoSuchObjectLockConfiguration') return undefined
          throw error
        })
        // Stores differ in the name of the root element, not in these two.
        const text = answer === undefined ? '' : (await collect(answer, 4096)).toString('utf8')
        const until = /<RetainUntilDate>([^<]+)</.exec(text)?.[1]
        return until !== undefined && text.includes('<Mode>COMPLIANCE</Mode>') ? new Date(until) : undefined
      }),
    checkLock: (bucket) =>
      within(`read the object lock of ${bucket}`, async () => {
        // The client's first overload says void; the promise does carry the configuration.
        const lock = (await client.getObjectLockConfig(bucket)) as unknown as { objectLockEnabled?: string }
        if (lock.objectLockEnabled !== 'Enabled') throw new Error(`object lock is ${lock.objectLockEnabled ?? 'off'}`)
      }),
  }
}

async function collect(stream: Readable, mostBytes: number): Promise<Buffer> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of stream as AsyncIterable<Buffer>) {
    size += part.length
    if (size > mostBytes) throw new Error(`the object is larger than ${mostBytes} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts)
}

/** The client has no deadline of its own; a store that hangs must not hang an access. */
async function within<T>(what: string, act: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${TIMEOUT_MS} ms`)), TIMEOUT_MS)
  })
  try {
    return await Promise.race([act(), late])
  } catch (cause) {
    throw storeFault(what, cause)
  } finally {
    clearTimeout(timer)
  }
}

function storeFault(what: string, cause: unknown): MeshFault {
  const { code } = cause as { code?: unknown }
  const found = cause instanceof Error ? cause.message : String(cause)
  return fault('E_MESH_STORE', `the object store did not ${what}`, {
    found: typeof code === 'string' ? `${code}: ${found}` : found,
    cause,
  })
}
