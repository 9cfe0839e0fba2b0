import { fault } from '../../src/mesh/codes.ts'
import type { ObjectStore } from '../../src/mesh/storage/object-store.ts'

/**
 * An object store on a shelf in memory, with S3's rules of object lock and conditional writes, for tests of what is
 * built on a store: those need to make it fail and to tamper with it. The S3 client itself is proven against Ceph in
 * the journeys.
 */
export class ShelfStore implements ObjectStore {
  readonly #buckets = new Map<string, { locked: boolean; objects: Map<string, { body: Buffer; until?: Date }> }>()
  /** `before`: writes fail; `after`: they happen, and then the answer is lost. */
  failing: 'before' | 'after' | undefined

  async ensureBucket(bucket: string, kind: 'plain' | 'locked'): Promise<void> {
    if (!this.#buckets.has(bucket)) this.#buckets.set(bucket, { locked: kind === 'locked', objects: new Map() })
  }

  async put(bucket: string, key: string, body: Buffer): Promise<void> {
    this.#write(bucket, key, { body })
  }

  async putLocked(bucket: string, key: string, body: Buffer, until: Date): Promise<void> {
    if (!this.#bucket(bucket).locked) throw fault('E_MESH_STORE', 'the bucket has no object lock')
    if (this.#bucket(bucket).objects.has(key)) throw fault('E_MESH_STORE', 'PreconditionFailed')
    this.#write(bucket, key, { body, until })
  }

  async get(bucket: string, key: string): Promise<Buffer> {
    return this.#object(bucket, key).body
  }

  async size(bucket: string, key: string): Promise<number | undefined> {
    return this.#buckets.get(bucket)?.objects.get(key)?.body.length
  }

  async remove(bucket: string, key: string): Promise<void> {
    this.#bucket(bucket).objects.delete(key)
  }

  async firstAfter(bucket: string, prefix: string, after: string): Promise<string | undefined> {
    return [...this.#bucket(bucket).objects.keys()].sort().find((key) => key.startsWith(prefix) && key > after)
  }

  async lockedUntil(bucket: string, key: string): Promise<Date | undefined> {
    return this.#object(bucket, key).until
  }

  async checkLock(bucket: string): Promise<void> {
    if (!this.#bucket(bucket).locked) throw fault('E_MESH_STORE', 'object lock is off')
  }

  /** What someone with the store's own administrator key could do; undefined removes the object. */
  tamper(bucket: string, key: string, body: Buffer | undefined): void {
    const { objects } = this.#bucket(bucket)
    if (body === undefined) objects.delete(key)
    else objects.set(key, { ...objects.get(key), body })
  }

  /** What products' records are made of: everything but the log. */
  data(): readonly { readonly bucket: string; readonly key: string }[] {
    return [...this.#buckets.keys()].filter((bucket) => bucket !== 'audit').flatMap((bucket) => this.keys(bucket).map((key) => ({ bucket, key })))
  }

  keys(bucket: string): readonly string[] {
    return [...(this.#buckets.get(bucket)?.objects.keys() ?? [])].sort()
  }

  #write(bucket: string, key: string, object: { body: Buffer; until?: Date }): void {
    if (this.failing === 'before') throw fault('E_MESH_STORE', 'the store refuses writes')
    this.#bucket(bucket).objects.set(key, object)
    if (this.failing === 'after') throw fault('E_MESH_STORE', 'no answer')
  }

  #bucket(name: string) {
    const bucket = this.#buckets.get(name)
    if (bucket === undefined) throw fault('E_MESH_STORE', `no bucket ${name}`)
    return bucket
  }

  #object(bucket: string, key: string) {
    const object = this.#bucket(bucket).objects.get(key)
    if (object === undefined) throw fault('E_MESH_STORE', `no object ${bucket}/${key}`)
    return object
  }
}
