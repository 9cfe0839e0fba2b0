import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { Fault } from '../../src/bundle/fault.ts'
import { newKey, type PrivateKey, type Role } from '../../src/bundle/keys.ts'
import { draftPolicy, type PolicyDraft } from '../../src/bundle/policy-draft.ts'
import { acceptPolicy, signPolicy } from '../../src/bundle/policy-file.ts'
import type { Ceiling, Policy } from '../../src/bundle/policy.ts'
import type { StatementFields } from '../../src/bundle/statement.ts'
import { ContentStore } from '../../src/bundle/store.ts'
import { signBundle } from '../../src/bundle/verify.ts'
import { writeBundle, type BundleParts, type WrittenBundle } from '../../src/bundle/write.ts'

export const NOW = new Date('2026-12-01T00:00:00Z')

export const FIELDS: StatementFields = {
  kind: 'release',
  name: 'hello',
  version: '1.0.0',
  sequence: 100,
  created: '2026-11-22T00:00:00Z',
  marking: {
    policy: 'urn:sallyport:label-policy:demo',
    policyVersion: '1',
    level: 'RESTRICTED',
    categories: [],
    releasability: [],
  },
  targets: [{ os: 'debian', release: '13', architecture: 'amd64' }],
  upgradesFrom: [{ name: 'hello', minSequence: 1, maxSequence: 99 }],
}

export const CEILING: Ceiling = {
  policy: 'urn:sallyport:label-policy:demo',
  policyVersion: '1',
  levels: ['UNCLASSIFIED', 'RESTRICTED', 'CONFIDENTIAL', 'SECRET', 'TOP SECRET'],
  level: 'SECRET',
  categories: [],
}

/** A folder that is removed after the test. */
export async function temporary(t: Pick<TestContext, 'after'>): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'bundle-test-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  return directory
}

/** A small image, a mirror, IaC, documents and an installer, all in `store`. */
export async function partsIn(directory: string): Promise<BundleParts> {
  const store = new ContentStore(join(directory, 'store'))
  const layer = await store.put(Buffer.alloc(10_240, 'layer'))
  const config = await store.put(Buffer.from('{"architecture":"amd64","os":"linux"}'))
  const manifest = await store.put(
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        config: {
          mediaType: 'application/vnd.oci.image.config.v1+json',
          digest: `sha256:${config.sha256}`,
          size: config.size,
        },
        layers: [
          { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: `sha256:${layer.sha256}`, size: layer.size },
        ],
      }),
    ),
  )
  const one = await store.put(Buffer.from('one package'))
  const two = await store.put(Buffer.from('another one'))
  const installer = join(directory, 'installer')
  await writeFile(installer, 'the installer')
  return {
    fields: FIELDS,
    store,
    images: [{ name: 'hello', reference: 'localhost/hello:1.0.0', manifest }],
    mirrors: [
      {
        name: 'debian',
        ecosystem: 'apt',
        entries: [
          { path: 'pool/two.deb', sha256: two.sha256, size: two.size },
          { path: 'pool/one.deb', sha256: one.sha256, size: one.size },
        ],
      },
    ],
    iac: [
      {
        name: 'ansible',
        kind: 'ansible',
        entries: [{ path: 'run', sha256: one.sha256, size: one.size, executable: true }],
      },
    ],
    docs: [{ path: 'runbook.md', bytes: Buffer.from('# Runbook\n') }],
    evidence: [{ path: 'sbom.json', bytes: Buffer.from('{}\n') }],
    installer,
  }
}

export interface PolicySetup extends Partial<Omit<PolicyDraft, 'keys'>> {
  readonly root: PrivateKey
  readonly keys: readonly PrivateKey[]
  readonly names?: readonly string[]
}

/** A policy of site `demo` in force, over `keys` with the roles they were made for. */
export function policyOf({ root, keys, names = ['hello'], ...draft }: PolicySetup): Policy {
  const payload = draftPolicy({
    site: 'demo',
    created: '2026-11-22T00:00:00Z',
    expires: '2027-11-22T00:00:00Z',
    ceiling: CEILING,
    ...draft,
    keys: [{ key: root, names: [] }, ...keys.map((key) => ({ key, names }))],
  })
  return acceptPolicy(signPolicy(payload, [root]))
}

export interface People {
  readonly root: PrivateKey
  readonly alice: PrivateKey
  readonly bob: PrivateKey
}

export async function people(): Promise<People> {
  const make = (person: string, role: Role) => newKey(person, role)
  return {
    root: await make('Rita Root', 'root'),
    alice: await make('Alice Example', 'publisher'),
    bob: await make('Bob Example', 'publisher'),
  }
}

/** A bundle written to `<directory>/bundle` and signed by `signers`. */
export async function bundleIn(
  directory: string,
  signers: readonly PrivateKey[],
  change: Partial<BundleParts> = {},
): Promise<WrittenBundle> {
  const written = await writeBundle(join(directory, 'bundle'), { ...(await partsIn(directory)), ...change })
  for (const key of signers) await signBundle(written.directory, key)
  return written
}

/** The codes a promise is refused with: of every reason, or of the one fault. */
export async function codesOf(promise: Promise<unknown>): Promise<readonly string[]> {
  try {
    await promise
    return []
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return error.detail.codes ?? [error.code]
  }
}
