import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { stringify } from 'yaml'
import { sallyport, type Ended } from '../../src/demo/sallyport.ts'
import { hostNamed, labDown, labList, labRun, labUp, labWatch } from '../../src/lab/lab.ts'
import { ask } from '../../src/proof/operator.ts'
import { TEST_LAB_PREFIX } from './shared/lab.ts'
import { npmRegistry, type Registry } from './shared/npm-registry.ts'
import { at } from './shared/workshop.ts'

const CLI = new URL('../../src/cli/main.ts', import.meta.url).pathname
/** How far into a task it is interrupted. */
const INTO_MS = 500
const HELLO = new URL('../../bundles/hello/', import.meta.url).pathname
const FOLDER = at('proved')
/** Where the package that calls home calls: a name and an address of no one. */
const HOME = { name: 'updates.example.org', address: '203.0.113.9' }
const CALLS_HOME = `const { lookup } = require('node:dns')
const { connect } = require('node:net')
lookup('${HOME.name}', () => connect(443, '${HOME.address}').on('error', () => process.exit(0)).on('connect', () => process.exit(0)))
`

interface Record {
  readonly proven: boolean
  readonly bundle: { readonly sha512: string }
  readonly tried: readonly { readonly what: string; readonly line: string; readonly well: boolean; readonly seconds: number; readonly reached: readonly { readonly to: string }[] }[]
  readonly packets: readonly { readonly inside: number; readonly elsewhere: object }[]
}

describe('a lab sees whom its hosts reach for, though they reach nobody', () => {
  const name = `${TEST_LAB_PREFIX}watch`
  const taken = async (): Promise<boolean> => (await labList()).some((one) => one.name === name)
  after(async () => {
    if (await taken()) await labDown(name)
  })

  test('an address, a name, a datagram, IPv6 and a ping are each seen, refused at once, and nothing else is', async () => {
    if (await taken()) await labDown(name)
    const lab = await labUp({ name, hosts: 1 })
    const watch = await labWatch(lab)
    await watch.since()
    const tries: readonly [string, object | undefined][] = [
      [`bash -c 'exec 3<>/dev/tcp/${HOME.address}/443'`, { protocol: 'TCP', to: HOME.address, port: 443, uid: 0 }],
      [`getent ahosts ${HOME.name}`, { protocol: 'UDP', to: '127.0.0.1', port: 53, question: HOME.name, uid: 0 }],
      [`bash -c 'echo x > /dev/udp/${HOME.address}/123'`, { protocol: 'UDP', to: HOME.address, port: 123, uid: 0 }],
      ["bash -c 'exec 3<>/dev/tcp/2001:db8::1/443'", { protocol: 'TCP', to: '2001:db8::1', port: 443, uid: 0 }],
      [`ping -c 1 -W 1 ${HOME.address}`, { protocol: 'ICMP', to: HOME.address, uid: 0 }],
      ['true', undefined],
    ]
    for (const [line, expected] of tries) {
      const begun = performance.now()
      const { code } = await labRun(lab, hostNamed(lab, 'h1'), line)
      assert.equal(code === 0, expected === undefined, `${line} ended with ${code}`)
      assert.ok(performance.now() - begun < 20_000, `${line} waited`)
      const seen = new Set((await watch.since()).map(({ at: _at, host: _host, ...one }) => JSON.stringify(one)))
      assert.deepEqual([...seen], expected === undefined ? [] : [JSON.stringify(expected)], line)
    }
    await watch.stop()
  })
})

describe('a bundle is proven in disposable hosts without network before it is signed', () => {
  let registry: Registry
  const registryBefore = process.env['npm_config_registry']
  const say = (line: string): void => console.log(`    ${line}`)

  before(async () => {
    await rm(FOLDER, { recursive: true, force: true })
    await mkdir(FOLDER, { recursive: true })
    registry = await npmRegistry(join(FOLDER, 'registry'), { plain: '', caller: CALLS_HOME, lacking: "require('something-left-out')\n" })
    process.env['npm_config_registry'] = registry.address
  })
  after(async () => {
    registry.close()
    if (registryBefore === undefined) delete process.env['npm_config_registry']
    else process.env['npm_config_registry'] = registryBefore
    for (const { name } of await labList()) if (name.startsWith('prove-')) await labDown(name)
  })

  /** A definition with these npm packages and images beside a Debian and a Python package; returns its folder. */
  async function definition(label: string, npm: readonly string[], images: Readonly<{ [name: string]: string | undefined }>): Promise<string> {
    const folder = join(FOLDER, `definition-${label}`)
    await cp(HELLO, folder, { recursive: true, filter: (path) => !path.endsWith('.lock.yaml') })
    for (const [name, recipe] of Object.entries(images)) if (recipe !== undefined) await writeFile(join(folder, `images/${name}.yaml`), recipe)
    await writeFile(
      join(folder, 'bundle.yaml'),
      stringify({
        ...{ apiVersion: 'sallyport/v1', kind: 'content', name: label, version: '1.0.0', sequence: 100 },
        marking: { level: 'UNCLASSIFIED' },
        targets: [{ os: 'debian', release: '13', architecture: 'amd64' }],
        mirrors: [
          { name: 'debian', ecosystem: 'apt', suites: ['trixie', 'trixie-updates', 'trixie-security'], packages: ['hello', 'jq'] },
          { name: 'npm', ecosystem: 'npm', packages: npm },
          { name: 'pypi', ecosystem: 'pypi', packages: ['jinja2==3.1.6'] },
          { name: 'files', ecosystem: 'file', files: [{ from: 'greeting.txt', path: 'texts/greeting.txt' }] },
        ],
        images: Object.keys(images).map((name) => ({ name, recipe: `images/${name}.yaml` })),
      }),
    )
    return folder
  }

  const prove = (folder: string, bundle: string): Promise<Ended> => sallyport(['build', folder, '-o', bundle, '--prove'], { onLine: say })
  const recordOf = (bundle: string): Record => JSON.parse(readFileSync(`${bundle}.proof.json`, 'utf8')) as Record
  /** `file:line:column` of the first place in a definition where the text stands. */
  function placeIn(folder: string, text: string): string {
    const lines = readFileSync(join(folder, 'bundle.yaml'), 'utf8').split('\n')
    const line = lines.findIndex((one) => one.includes(text))
    return `bundle.yaml:${line + 1}:${(lines[line]?.indexOf(text) ?? 0) + 1}`
  }
  async function nothingIsLeft(): Promise<void> {
    assert.deepEqual((await labList()).filter(({ name }) => name.startsWith('prove-')), [], 'a lab was left')
    assert.deepEqual((await readdir(FOLDER)).filter((name) => name.startsWith('.')), [], 'copies were left')
  }

  test('what is whole is proven: each client installs, the image starts, nothing reaches out', async () => {
    const folder = await definition('whole', ['plain@1.0.0'], { hello: undefined })
    const bundle = join(FOLDER, 'whole')
    const ended = await prove(folder, bundle)
    assert.equal(ended.exit, 0, ended.stderr)
    const record = recordOf(bundle)
    for (const { what, seconds } of record.tried) say(`${what}: ${seconds} s`)
    assert.equal(record.proven, true)
    assert.equal(record.bundle.sha512, (ended.result as { sha512: string }).sha512)
    assert.deepEqual(
      record.tried.map(({ what }) => what),
      ['apt: hello', 'apt: jq', 'npm: plain@1.0.0', 'pypi: jinja2==3.1.6', 'file: texts/greeting.txt', 'image hello'],
    )
    assert.deepEqual(record.packets.map(({ elsewhere }) => elsewhere), [{}])
    assert.ok((record.packets[0]?.inside ?? 0) > 100, 'the recording is empty')
    assert.ok(!existsSync(join(bundle, 'signatures')), 'the proof signed the bundle')
    await nothingIsLeft()
  })

  test('what calls home, what lacks a requirement and an image that lacks its libraries are named, each with its line', async () => {
    const lacksLibraries = 'image: broken\nlayers:\n  - {name: broken, apt: [hello], without: [libc6, libgcc-s1], incomplete: ["**"]}\nconfig: {entrypoint: [/usr/bin/hello]}\n'
    const callsHome = `image: caller\nlayers:\n  - {name: caller, apt: [busybox-static]}\nconfig: {entrypoint: [/usr/bin/busybox, nc, -w, "2", ${HOME.address}, "8443"]}\n`
    const folder = await definition('faulty', ['plain@1.0.0', 'caller@1.0.0', 'lacking@1.0.0'], { hello: undefined, broken: lacksLibraries, calling: callsHome.replace('image: caller', 'image: calling') })
    const bundle = join(FOLDER, 'faulty')
    const ended = await prove(folder, bundle)
    assert.equal(ended.exit, 15, ended.stderr)
    assert.equal(ended.error?.code, 'E_UNPROVEN')
    const faults = ended.error?.faults ?? []
    say(faults.join('\n    '))
    const named = (place: string, what: RegExp): void => assert.ok(faults.some((line) => line.includes(`${place}: `) && what.test(line)), `${place} ${what}:\n${faults.join('\n')}`)
    named(placeIn(folder, 'caller@1.0.0'), new RegExp(`reached out: .*the name ${HOME.name}.*TCP ${HOME.address}:443`))
    named(placeIn(folder, 'lacking@1.0.0'), /something-left-out/)
    named(placeIn(folder, 'name: broken'), /image broken: .*is not there: .*\/usr\/bin\/hello/)
    named(placeIn(folder, 'name: calling'), new RegExp(`image calling reached out: TCP ${HOME.address}:8443`))
    assert.equal(faults.length, 4, faults.join('\n'))
    const record = recordOf(bundle)
    assert.equal(record.proven, false)
    assert.deepEqual(record.tried.filter(({ well }) => !well).map(({ what }) => what), ['npm: caller@1.0.0', 'npm: lacking@1.0.0', 'image broken', 'image calling'])
    assert.ok(existsSync(join(bundle, 'bundle.json')), 'the bundle is gone')
    await nothingIsLeft()
  })

  test('interrupted while its host is made, or while something is tried, it leaves neither host nor copy nor record, and the bundle', async () => {
    const folder = join(FOLDER, 'definition-whole')
    for (const [number, task] of ['Make a disposable host without network', 'Start the images'].entries()) {
      const bundle = join(FOLDER, `interrupted-${number}`)
      let pid: number | undefined
      const ended = await ask([process.execPath, CLI], ['build', folder, '-o', bundle, '--prove'], {
        onStart: (started) => (pid = started),
        onEvent: (one) => {
          if (one.event === 'start' && one.task === task && pid !== undefined) setTimeout(process.kill, INTO_MS, pid, 'SIGINT')
        },
      })
      assert.deepEqual([ended.exit, ended.error?.code], [12, 'E_INTERRUPTED'], ended.stderr)
      assert.ok(existsSync(join(bundle, 'bundle.json')), 'the bundle is gone')
      assert.ok(!existsSync(`${bundle}.proof.json`), 'a proof that did not end has a record')
      await nothingIsLeft()
    }
  })
})
