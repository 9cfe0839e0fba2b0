import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Bundle } from '../../src/bundle/bundle.ts'
import { draftPolicy } from '../../src/bundle/policy-draft.ts'
import { acceptPolicy, signPolicy } from '../../src/bundle/policy-file.ts'
import { ContentStore } from '../../src/bundle/store.ts'
import { signBundle, verifyBundle } from '../../src/bundle/verify.ts'
import { build } from '../../src/connected/build/build.ts'
import { wantedBy } from '../../src/connected/build/inputs.ts'
import { loadDefinition } from '../../src/connected/definition/load.ts'
import { writeLock } from '../../src/connected/lock/file.ts'
import { filesDigest, LOCK_VERSION, requestKey } from '../../src/connected/lock/lock.ts'
import type { LockedItem } from '../../src/connected/sources/source.ts'
import { CEILING, people, type People } from './bundle-fixture.ts'

export interface Deb {
  readonly name: string
  readonly version: string
  /** `foo (1.2)`; the package itself when absent. */
  readonly source?: string
  readonly files: Readonly<Record<string, string>>
}

export interface Release {
  readonly version: string
  readonly sequence: number
  readonly debs: readonly Deb[]
  /** npm packages of a mirror, `name@version`. */
  readonly npm?: readonly string[]
  /** Files beside the definition; `recipe` and `bundle` replace what stands in those two. */
  readonly files?: Readonly<Record<string, string>>
  readonly recipe?: string
  /** Further members of bundle.yaml. */
  readonly more?: string
}

/**
 * Real bundles of real Debian and npm packages that are made here, built from a lock as on any machine, without network:
 * two releases of one definition can be compared.
 */
export class EvidenceWorkshop {
  readonly folder = mkdtempSync(join(tmpdir(), 'evidence-'))
  readonly store = join(this.folder, 'store')
  #people: People | undefined

  end(): void {
    rmSync(this.folder, { recursive: true })
  }

  /** Builds and signs a release; gives the bundle's folder. */
  async release({ version, sequence, debs, npm = [], files = {}, recipe, more = '' }: Release): Promise<string> {
    const root = join(this.folder, `definition-${version}`)
    const write = (path: string, text: string): void => {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text)
    }
    write(
      'bundle.yaml',
      `apiVersion: sallyport/v1
kind: release
name: sample
version: ${version}
sequence: ${sequence}
marking: {level: UNCLASSIFIED}
targets: [{os: debian, release: "13", architecture: amd64}]
upgradesFrom: [{name: sample, minSequence: 1, maxSequence: ${sequence - 1}}]
mirrors:
  - {name: files, ecosystem: file, files: [{from: note.txt, path: note.txt}]}
${npm.length === 0 ? '' : `  - {name: npm, ecosystem: npm, packages: [${npm.map((one) => `"${one}"`).join(', ')}]}\n`}images:
  - {name: app, recipe: images/app.yaml}
iac:
  - {name: ansible, kind: ansible, from: ansible}
${more}`,
    )
    write('note.txt', 'a note\n')
    write('ansible/site.yml', '[]\n')
    write(
      'images/app.yaml',
      recipe ??
        `image: app
layers:
  - name: app
    apt: [${debs.map(({ name }) => name).join(', ')}]
    skip: [usr/share/doc/**]
    files: [{from: app.conf, to: /etc/app.conf}]
    users: [{name: app, uid: 7000, gid: 7000}]
config: {user: "7000:7000", entrypoint: [/usr/bin/app], ports: [8080]}
`,
    )
    write('images/app.conf', 'level = 1\n')
    for (const [path, text] of Object.entries(files)) write(path, text)
    await this.#lock(root, version, debs, npm)
    const out = join(this.folder, `sample-${version}`)
    await build({ definition: root, out, update: false, store: this.store, env: process.env, signal: new AbortController().signal, installer: false })
    await this.sign(out)
    return out
  }

  async sign(directory: string): Promise<void> {
    await signBundle(directory, (await this.people()).alice)
  }

  async people(): Promise<People> {
    this.#people ??= await people()
    return this.#people
  }

  /** A policy that lets Alice publish `sample`, as signed bytes. */
  async #policy(): Promise<ReturnType<typeof signPolicy>> {
    const { root, alice } = await this.people()
    const keys = [{ key: root, names: [] }, { key: alice, names: ['sample'] }]
    const dates = { created: '2026-01-01T00:00:00Z', expires: '2099-01-01T00:00:00Z' }
    return signPolicy(draftPolicy({ site: 'demo', ...dates, ceiling: CEILING, keys }), [root])
  }

  /** Its file, for the command line. */
  async policyFile(): Promise<string> {
    const file = join(this.folder, 'policy.json')
    writeFileSync(file, await this.#policy())
    return file
  }

  async opened(directory: string): Promise<Bundle> {
    return verifyBundle(directory, { policy: acceptPolicy(await this.#policy()), act: 'import', now: new Date() })
  }

  async #lock(root: string, version: string, debs: readonly Deb[], npm: readonly string[]): Promise<void> {
    const definition = await loadDefinition(root)
    const store = new ContentStore(this.store)
    const items = new Map<string, LockedItem[]>()
    const put = (kind: LockedItem['kind'], item: LockedItem): void => void items.set(kind, [...(items.get(kind) ?? []), item])
    for (const deb of debs) put('apt', await this.#deb(deb, store))
    for (const one of npm) put('npm', await this.#npm(one, store))
    const note = await store.putFile(join(root, 'note.txt'))
    put('file', { kind: 'file', name: 'note.txt', version: `sha256:${note.sha256.slice(0, 12)}`, path: 'note.txt', upstream: `sha256:${note.sha256}`, ...note })
    await writeLock(definition.lockFile, {
      lockVersion: LOCK_VERSION,
      name: 'sample',
      version,
      created: '2026-11-22T00:00:00Z',
      definition: { digest: filesDigest(definition.files), files: definition.files },
      requests: wantedBy(definition).map(({ kind, request, for: users }) => ({
        kind,
        request: requestKey(kind, request),
        for: users,
        items: (items.get(kind) ?? []).map(({ path }) => path).sort(),
      })),
      items: [...items.values()].flat().sort((a, b) => (`${a.kind}:${a.path}` < `${b.kind}:${b.path}` ? -1 : 1)),
      outputs: {},
    })
  }

  async #deb({ name, version, source, files }: Deb, store: ContentStore): Promise<LockedItem> {
    const root = join(this.folder, 'debs', `${name}-${crypto.randomUUID()}`)
    const write = (path: string, text: string): void => {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text)
    }
    write('DEBIAN/control', `Package: ${name}\nVersion: ${version}\nArchitecture: all\nMaintainer: test <test@example.org>\nDescription: test\n`)
    for (const [path, text] of Object.entries(files)) write(path, text)
    const deb = `${root}.deb`
    execFileSync('dpkg-deb', ['--root-owner-group', '--build', root, deb], { stdio: 'ignore', env: { ...process.env, SOURCE_DATE_EPOCH: '1000000000' } })
    const blob = await store.putFile(deb)
    const path = `pool/main/${name}/${name}_${version.replace(/^\d+:/, '')}_all.deb`
    return { kind: 'apt', name, version, path, upstream: `sha256:${blob.sha256}`, attributes: { suite: 'trixie', source: source ?? `${name} (${version})` }, ...blob }
  }

  async #npm(spec: string, store: ContentStore): Promise<LockedItem> {
    const [name = '', version = ''] = spec.split(/@(?=[^@]+$)/)
    const root = join(this.folder, 'npm', crypto.randomUUID())
    mkdirSync(join(root, 'package'), { recursive: true })
    writeFileSync(join(root, 'package/package.json'), JSON.stringify({ name, version, license: 'MIT' }))
    execFileSync('tar', ['--mtime=@1000000000', '-czf', `${root}.tgz`, '-C', root, 'package'])
    const blob = await store.putFile(`${root}.tgz`)
    return { kind: 'npm', name, version, path: `_tarballs/${name}/${name}-${version}.tgz`, ...blob }
  }
}
