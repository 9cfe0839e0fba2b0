import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { signBundle } from '../../src/bundle/verify.ts'
import { difference, type Difference } from '../../src/evidence/diff/difference.ts'
import { sectionsOf } from '../../src/evidence/diff/sections.ts'
import { differenceText } from '../../src/evidence/diff/text.ts'
import { EvidenceWorkshop } from './evidence-workshop.ts'
import { bundleIn, codesOf } from './bundle-fixture.ts'

const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname
const workshop = new EvidenceWorkshop()
after(() => workshop.end())

const service = (more: object): string =>
  JSON.stringify({
    services: {
      api: { title: 'The interface', role: 'api', image: 'app', unit: 'api.service', uid: 2002, memory: '1G', listens: [{ name: 'https', port: 443, bind: 'address', protocol: 'https', terminates: 'proxy', upstream: 18443, callers: ['operator'] }], ...more },
    },
  })
const unit = (more: string): string => `[Container]\nImage=app\nReadOnly=true\nDropCapability=all\n${more}\n[Service]\nRestart=always\n`

let old = ''
let now = ''
let found: Difference
before(async () => {
  old = await workshop.release({
    version: '1.0.0',
    sequence: 100,
    debs: [
      { name: 'app', version: '1.0-1', files: { 'usr/bin/app': 'one' } },
      { name: 'lib', version: '2.0-1', files: { 'usr/lib/lib.so': 'two' } },
    ],
    npm: ['left@1.0.0', 'gone@1.0.0'],
    files: {
      'ansible/group_vars/all/services.json': service({}),
      'ansible/roles/api/templates/api.container.j2': unit('NoNewPrivileges=true'),
      'ansible/roles/api/defaults/main.yml': 'api_threads: 4\napi_gone: true\napi_list: [a, b]\n',
    },
  })
  now = await workshop.release({
    version: '1.1.0',
    sequence: 110,
    debs: [
      { name: 'app', version: '1.1-1', files: { 'usr/bin/app': 'changed' } },
      { name: 'lib', version: '2.0-1', files: { 'usr/lib/lib.so': 'other bytes' } },
      { name: 'extra', version: '3', files: { 'usr/bin/extra': 'three' } },
    ],
    npm: ['left@1.0.0', 'left@2.0.0'],
    files: {
      'images/app.conf': 'level = 2\n',
      'ansible/group_vars/all/services.json': service({
        uid: 2003,
        capabilities: ['CAP_NET_ADMIN'],
        memory: '2G',
        listens: [
          { name: 'https', port: 443, bind: 'address', protocol: 'https', terminates: 'proxy', upstream: 18443, callers: ['operator', { caller: 'anyone', methods: ['GET'], paths: ['/health'] }] },
          { name: 'debug', port: 9999, bind: 'address', protocol: 'http', terminates: 'service', callers: ['operator'] },
        ],
      }),
      'ansible/roles/api/templates/api.container.j2': unit('AddCapability=CAP_NET_ADMIN\nEnvironment=DEBUG=1'),
      'ansible/roles/api/defaults/main.yml': 'api_threads: 8\napi_list: [a, c]\n',
      'ansible/roles/api/files/new.sh': '#!/bin/sh\n',
    },
    recipe: `image: app
layers:
  - name: app
    apt: [app, lib, extra]
    files: [{from: app.conf, to: /etc/app.conf}]
    users: [{name: app, uid: 7000, gid: 7000}]
config: {entrypoint: [/usr/bin/app, --debug], ports: [8080, 9999]}
`,
  })
  found = await difference(await workshop.opened(old), await workshop.opened(now))
})

const texts = (title: string): string[] =>
  (sectionsOf(found).find((section) => section.title === title)?.lines ?? []).map(({ sign, what, before: was, after: is }) => [`${sign} ${what}`, was, is].filter((part) => part !== undefined).join(' | '))

test('packages: new, gone, changed, other bytes under the same version; what stayed is not told', () => {
  assert.deepEqual(texts('Packages').map((line) => line.replaceAll(/ \(.*?\)/g, '')), [
    '+ deb extra | 3',
    '- npm gone | 1.0.0',
    '~ deb app | 1.0-1 | 1.1-1',
    '~ deb lib | 2.0-1 | 2.0-1; other bytes under the same version 2.0-1',
    '~ npm left | 1.0.0 | 1.0.0; 2.0.0',
  ])
  assert.deepEqual(found.packages.added[0]?.versions[0]?.places, ['images/app'])
})

test('ports, callers, accounts, privileges and settings of services, units and roles', () => {
  assert.deepEqual(texts('Ports'), ['+ api: port debug | 9999/tcp http on the host’s address, TLS ends in the service'])
  assert.deepEqual(texts('Callers'), ['+ api: debug ← operator | any method on any path', '+ api: https ← anyone | GET on /health'])
  assert.deepEqual(texts('Accounts and privileges'), [
    '+ api: privilege capabilities | ["CAP_NET_ADMIN"]',
    '~ api: account uid | 2002 | 2003',
    '~ image app: user | 7000:7000 | root',
    '~ image app: ports | 8080/tcp | 8080/tcp 9999/tcp',
    '+ ansible/roles/api/templates/api.container.j2 [Container] AddCapability | CAP_NET_ADMIN',
    '- ansible/roles/api/templates/api.container.j2 [Container] NoNewPrivileges | true',
  ])
  assert.deepEqual(texts('Settings'), [
    '~ api: setting memory | 1G | 2G',
    '+ ansible/roles/api/templates/api.container.j2 [Container] Environment | DEBUG=1',
    '- ansible/roles/api/defaults/main.yml api_gone | true',
    '~ ansible/roles/api/defaults/main.yml api_list[1] | b | c',
    '~ ansible/roles/api/defaults/main.yml api_threads | 4 | 8',
  ])
  assert.ok(texts('Files of the infrastructure').some((line) => line.startsWith('+ ansible/roles/api/files/new.sh')))
})

test('an image tells its own changes: command, files that no package owns', () => {
  const lines = texts('Images')
  assert.match(lines[0] ?? '', /^~ app \| manifest \w{16}…, user 7000:7000, ports 8080\/tcp \| manifest \w{16}…, user root, ports 8080\/tcp 9999\/tcp$/)
  assert.ok(lines.includes('+ app: entrypoint ["/usr/bin/app","--debug"]'))
  assert.equal(lines.filter((line) => /^[+-] app: file \/etc\/app\.conf sha512 \w{16}…$/.test(line)).length, 2)
})

test('a bundle and itself hold the same; the text escapes what a terminal would obey', async () => {
  const bundle = await workshop.opened(old)
  assert.match(differenceText(await difference(bundle, bundle)), /They hold the same\./)
  const [first] = found.packages.added
  assert.ok(first)
  const hostile = differenceText({ ...found, packages: { ...found.packages, added: [{ ...first, name: 'deb \u001b[2Jevil' }] } })
  assert.equal(hostile.includes('\u001b'), false)
  assert.match(hostile, /\\u\{001b\}\[2Jevil/)
})

const run = (...words: string[]): { status: number | null; stdout: string; stderr: string } => spawnSync(process.execPath, [MAIN, 'diff', ...words], { encoding: 'utf8', env: { ...process.env, NODE_NO_WARNINGS: '1' } })

test('sallyport diff: the same as JSON; a changed or unsigned bundle is refused before anything of it is shown', async () => {
  const policy = ['--policy', await workshop.policyFile()]
  const json = run(old, now, ...policy, '--json')
  assert.equal(json.status, 0, json.stderr)
  assert.deepEqual(JSON.parse(json.stdout), JSON.parse(JSON.stringify(found)))
  const copy = join(workshop.folder, 'damaged')
  execFileSync('cp', ['-r', now, copy])
  appendFileSync(join(copy, 'evidence/sbom.cdx.json'), ' ')
  const damaged = run(old, copy, ...policy)
  assert.equal(damaged.status, 6, damaged.stderr)
  assert.doesNotMatch(damaged.stdout, /extra/)
  execFileSync('rm', ['-r', join(copy, 'signatures')])
  assert.equal(run(copy, now, ...policy).status, 5)
  assert.equal(run(old, now).status, 2)
})

test('a bundle without an SBOM, or with another document in its place, is said as such', async () => {
  const { alice } = await workshop.people()
  const folder = join(workshop.folder, 'bare')
  execFileSync('mkdir', [folder])
  const { directory } = await bundleIn(folder, [], { fields: { ...(await workshop.opened(old)).statement } })
  await signBundle(directory, alice)
  const bare = await workshop.opened(directory)
  assert.deepEqual(await codesOf(difference(bare, bare)), ['E_EVIDENCE_ABSENT'])
  for (const [index, text] of ['{', '{"bomFormat":"other"}'].entries()) {
    const other = join(workshop.folder, `other-${index}`)
    execFileSync('mkdir', [other])
    const wrong = await bundleIn(other, [], { fields: { ...bare.statement }, evidence: [{ path: 'sbom.cdx.json', bytes: Buffer.from(text) }] })
    await signBundle(wrong.directory, alice)
    const opened = await workshop.opened(wrong.directory)
    assert.deepEqual(await codesOf(difference(opened, opened)), ['E_EVIDENCE_INVALID'])
  }
  const broken = { version: '9.0.0', sequence: 900, debs: [], recipe: 'image: app\nlayers:\n  - {name: app, files: [{from: app.conf, to: /a}]}\n', files: { 'ansible/group_vars/all/services.json': '{' } }
  assert.deepEqual(await codesOf(workshop.release(broken)), ['E_EVIDENCE_INVALID'])
})
