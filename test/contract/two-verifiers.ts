import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { draftPolicy } from '../../src/bundle/policy-draft.ts'
import { signPolicy } from '../../src/bundle/policy-file.ts'
import { ContentStore } from '../../src/bundle/store.ts'
import { signBundle } from '../../src/bundle/verify.ts'
import { writeBundle, type BundleParts } from '../../src/bundle/write.ts'
import { CEILING, FIELDS, people, type People } from '../unit/bundle-fixture.ts'
import type { Question } from './damage.ts'
import { SecondVerifier } from './second-verifier.ts'

/** A bundle that Alice signed: the questions about a copy for each verifier, and its files. */
export interface Twins {
  readonly ours: Question
  readonly theirs: Question
  readonly paths: readonly string[]
}

/** Two verifiers and what both judge by. `end` it. */
export class Bench {
  readonly root: string
  readonly who: People
  readonly second: SecondVerifier

  private constructor(root: string, who: People, second: SecondVerifier) {
    this.root = root
    this.who = who
    this.second = second
  }

  static async start(): Promise<Bench> {
    const root = await mkdtemp(join(tmpdir(), 'two-verifiers-'))
    const who = await people()
    const payload = draftPolicy({
      site: 'demo',
      created: '2026-11-22T00:00:00Z',
      expires: '2027-11-22T00:00:00Z',
      ceiling: CEILING,
      keys: [
        { key: who.root, names: [] },
        { key: who.alice, names: ['hello'] },
      ],
    })
    await writeFile(join(root, 'policy.json'), signPolicy(payload, [who.root]))
    return new Bench(root, who, await SecondVerifier.start())
  }

  async end(): Promise<void> {
    this.second.end()
    await rm(this.root, { recursive: true, force: true })
  }

  async twins(name: string, parts: Partial<BundleParts>): Promise<Twins> {
    const directory = join(this.root, name)
    const bare = { images: [], mirrors: [], iac: [], docs: [], evidence: [], installer: null }
    await writeBundle(directory, { fields: FIELDS, store: new ContentStore(join(this.root, `${name}-store`)), ...bare, ...parts })
    const { alice } = this.who
    const { listing } = await signBundle(directory, alice)
    await cp(directory, `${directory}-2`, { recursive: true })
    const question = { policy: join(this.root, 'policy.json'), now: '2026-12-01T00:00:00Z', act: 'install' as const }
    const paths = [...listing.files.keys(), `signatures/${alice.keyId}.mldsa87.sig`, `signatures/${alice.keyId}.p384.sig`].sort()
    return { ours: { ...question, directory }, theirs: { ...question, directory: `${directory}-2` }, paths }
  }
}
