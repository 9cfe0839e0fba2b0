import { cp, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Bundle } from '../../src/bundle/bundle.ts'
import { sha512 } from '../../src/bundle/digest.ts'
import type { Policy } from '../../src/bundle/policy.ts'
import { signBytes, writeSignatures } from '../../src/bundle/signature.ts'
import type { Statement } from '../../src/bundle/statement.ts'
import { serialise } from '../../src/bundle/strict-json.ts'
import { parseSums, serialiseSums } from '../../src/bundle/sums.ts'
import { verifyBundle, type VerifyOptions } from '../../src/bundle/verify.ts'
import { bundleIn, NOW, people, policyOf, type People } from './bundle-fixture.ts'

/** A signed bundle of which tests damage copies. */
export class Victim {
  readonly root: string
  readonly who: People
  /** Of Alice and Bob, one of them enough for every act. */
  readonly policy: Policy
  readonly pristine: string
  readonly statement: Statement
  readonly digest: string
  #count = 0

  private constructor(
    root: string,
    who: People,
    policy: Policy,
    written: { directory: string; statement: Statement; digest: string },
  ) {
    this.root = root
    this.who = who
    this.policy = policy
    this.pristine = written.directory
    this.statement = written.statement
    this.digest = written.digest
  }

  /** Signed by Alice. `remove` it at the end. */
  static async make(): Promise<Victim> {
    const root = await mkdtemp(join(tmpdir(), 'bundle-victim-'))
    const who = await people()
    return new Victim(
      root,
      who,
      policyOf({ root: who.root, keys: [who.alice, who.bob] }),
      await bundleIn(root, [who.alice]),
    )
  }

  async remove(): Promise<void> {
    await rm(this.root, { recursive: true, force: true })
  }

  async copy(): Promise<string> {
    const directory = join(this.root, `copy-${this.#count++}`)
    await cp(this.pristine, directory, { recursive: true })
    return directory
  }

  async verify(directory: string, options: Partial<VerifyOptions> = {}): Promise<Bundle> {
    return verifyBundle(directory, { policy: this.policy, act: 'import', now: NOW, ...options })
  }

  /** Writes another statement under this bundle and signs it, as a publisher with a broken tool would. */
  async resign(directory: string, change: object): Promise<void> {
    const path = join(directory, 'bundle.json')
    await this.resignText(directory, serialise({ ...(JSON.parse(await readFile(path, 'utf8')) as object), ...change }))
  }

  async resignText(directory: string, bytes: Buffer): Promise<void> {
    await writeFile(join(directory, 'bundle.json'), bytes)
    await writeSignatures(directory, this.who.alice.keyId, signBytes(bytes, this.who.alice))
  }

  /** Adds or changes one file, writes SHA512SUMS to fit, and signs the result. */
  async relist(directory: string, path: string, content: string): Promise<void> {
    const sums = new Map(parseSums(await readFile(join(directory, 'SHA512SUMS'))))
    await writeFile(join(directory, path), content)
    sums.set(path, sha512(Buffer.from(content)))
    const bytes = serialiseSums(sums)
    await writeFile(join(directory, 'SHA512SUMS'), bytes)
    await this.resign(directory, { sums: { sha512: sha512(bytes), size: bytes.byteLength } })
  }
}

/** Turns one bit in the middle of a file. */
export async function flip(path: string): Promise<void> {
  const bytes = await readFile(path)
  const middle = bytes.length >> 1
  bytes[middle] = (bytes[middle] ?? 0) ^ 1
  await writeFile(path, bytes)
}

export async function swap(a: string, b: string): Promise<void> {
  await rename(a, `${a}.tmp`)
  await rename(b, a)
  await rename(`${a}.tmp`, b)
}
