import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { appendFileSync, copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { deflateRawSync, crc32 } from 'node:zlib'
import { Fault } from '../../src/bundle/fault.ts'
import { extracted, ImageBench, layersOf, listed } from './images-fixture.ts'

const bench = new ImageBench()
after(() => rmSync(bench.folder, { recursive: true }))

bench.package('base-files', {
  'usr/lib/os-release': 'ID=debian\n',
  'etc/os-release': '-> ../usr/lib/os-release',
  'usr/share/base-passwd/passwd.master': 'root:*:0:0:root:/root:/bin/bash\n',
  'usr/share/base-passwd/group.master': 'root:*:0:\nadm:*:4:\n',
  'var/run/.keep': '',
})
bench.package('tool', {
  'bin/tool': '#!/bin/sh\n',
  'lib/tool.so': 'library',
  'usr/share/doc/tool/copyright': 'free',
  'usr/share/doc/tool/changelog': 'long',
  'usr/share/man/tool.1': 'manual',
})
bench.write(
  'base.yaml',
  `image: base
layers:
  - name: base
    apt: [base-files]
    links: [{path: /bin, target: usr/bin}, {path: /lib, target: usr/lib}]
    users: [{name: nonroot, uid: 65532, gid: 65532}]
`,
)
bench.write(
  'app.yaml',
  `image: app
extends: base.yaml
layers:
  - name: app
    apt: [tool]
    skip: [usr/share/doc/**, "!usr/share/doc/*/copyright", usr/share/man/**]
    files: [{from: config, to: /etc/app}]
    directories: [{path: /var/lib/app, mode: "0700", uid: 7, gid: 7}]
    users: [{name: app, uid: 7, gid: 7, home: /var/lib/app, shell: /bin/false, groups: [adm]}]
  - name: program
    program: {entry: program/main.ts, to: /app/main.mjs}
config: {user: "7:7", entrypoint: [/bin/tool], env: {A: b}, ports: [80]}
`,
)
bench.write('config/run', '#!/bin/sh\n', 0o755)
bench.write('config/settings', 'plain')
bench.write('program/main.ts', "import { greeting } from './greeting.ts'\nconsole.log(greeting as string)\n")
bench.write('program/greeting.ts', "export const greeting: string = 'hello'\n")

test('an image has the files of its packages, no more than asked, with owners, users and merged /usr', async () => {
  const store = bench.store('one')
  const image = await bench.build('app.yaml', store)
  const [base = '', app = '', program = ''] = layersOf(store, await store.bytes(image.manifest.sha256, 1e6))
  assert.deepEqual(listed(base).filter((line) => line.startsWith('l')), [
    'lrwxrwxrwx 0/0 bin -> usr/bin',
    'lrwxrwxrwx 0/0 etc/os-release -> ../usr/lib/os-release',
    'lrwxrwxrwx 0/0 lib -> usr/lib',
  ])
  assert.deepEqual(listed(app), [
    'drwxr-xr-x 0/0 etc/app/',
    '-rwxr-xr-x 0/0 etc/app/run',
    '-rw-r--r-- 0/0 etc/app/settings',
    '-rw-r--r-- 0/0 etc/group',
    '-rw-r--r-- 0/0 etc/passwd',
    '-rw-r----- 0/42 etc/shadow',
    'drwxr-xr-x 0/0 usr/bin/',
    '-rwxr-xr-x 0/0 usr/bin/tool',
    '-rw-r--r-- 0/0 usr/lib/tool.so',
    'drwxr-xr-x 0/0 usr/share/doc/',
    'drwxr-xr-x 0/0 usr/share/doc/tool/',
    '-rw-r--r-- 0/0 usr/share/doc/tool/copyright',
    'drwxr-xr-x 0/0 usr/share/man/',
    'drwx------ 7/7 var/lib/app/',
    '-rw-r--r-- 0/0 var/lib/dpkg/status.d/tool',
  ])
  assert.equal(
    extracted(app, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/bash\nnonroot:x:65532:65532:nonroot:/nonexistent:/usr/sbin/nologin\napp:x:7:7:app:/var/lib/app:/bin/false\n',
  )
  assert.equal(extracted(app, 'etc/group'), 'root:x:0:\nadm:x:4:app\nnonroot:x:65532:\napp:x:7:\n')
  assert.match(extracted(app, 'var/lib/dpkg/status.d/tool'), /^Package: tool\nVersion: 1\n/)
  const main = bench.write('main.mjs', extracted(program, 'app/main.mjs'))
  assert.equal(execFileSync(process.execPath, [main], { encoding: 'utf8' }), 'hello\n')
  const config = image.blobs[1]?.sha256 ?? ''
  assert.deepEqual(JSON.parse((await store.bytes(config, 1e6)).toString('utf8')).config, {
    User: '7:7',
    ExposedPorts: { '80/tcp': {} },
    Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'A=b'],
    Entrypoint: ['/bin/tool'],
    WorkingDir: '/',
  })
})

test('the same recipe gives the same bytes in another store, and a damaged layer is made again', async () => {
  const first = await bench.build('app.yaml', bench.store('one'))
  const elsewhere = bench.store('two')
  const second = await bench.build('app.yaml', elsewhere)
  assert.deepEqual(second, first)
  const [base = ''] = layersOf(elsewhere, await elsewhere.bytes(first.manifest.sha256, 1e6))
  appendFileSync(base, 'x')
  assert.deepEqual(await bench.build('app.yaml', bench.store('two')), first)
})

test('a source that an overlay replaces changes only the layer it is in', async () => {
  bench.write('overlay/program/greeting.ts', "export const greeting: string = 'changed'\n")
  const overlays = [{ root: bench.folder, folder: join(bench.folder, 'overlay') }]
  const store = bench.store('one')
  const before = layersOf(store, await store.bytes((await bench.build('app.yaml', store)).manifest.sha256, 1e6))
  const changed = await bench.build('app.yaml', store, { overlays })
  const layers = layersOf(store, await store.bytes(changed.manifest.sha256, 1e6))
  assert.deepEqual(layers.slice(0, 2), before.slice(0, 2))
  const main = bench.write('main.mjs', extracted(layers[2] ?? '', 'app/main.mjs'))
  assert.equal(execFileSync(process.execPath, [main], { encoding: 'utf8' }), 'changed\n')
})

test('archives lose their leading folder, their owner and what is not wanted', async () => {
  bench.write('pack/package/lib/index.js', 'js')
  bench.write('pack/package/bin/run', '#!/bin/sh\n', 0o755)
  bench.write('pack/package/README', 'text')
  const npm = join(bench.folder, 'thing-1.0.0.tgz')
  execFileSync('tar', ['-czf', npm, '--owner=501', '--group=20', '-C', join(bench.folder, 'pack'), 'package'])
  bench.item('thing@1.0.0', npm)
  bench.item('wheel==1', bench.write('wheel-1-py3-none-any.whl', zip('wheel/data.txt', 'inside')))
  bench.write('tool.jar', 'a jar is one file')
  bench.write(
    'archives.yaml',
    `image: archives
layers:
  - name: archives
    unpack:
      - {source: npm, item: thing@1.0.0, to: /opt/thing, strip: 1, only: [lib/**, bin/*]}
      - {source: pypi, item: wheel==1, to: /opt/wheel}
      - {source: file, item: tool.jar, to: /opt/}
`,
  )
  const store = bench.store('one')
  const [layer = ''] = layersOf(store, await store.bytes((await bench.build('archives.yaml', store)).manifest.sha256, 1e6))
  assert.deepEqual(
    listed(layer).filter((line) => !line.startsWith('d')),
    ['-rwxr-xr-x 0/0 opt/thing/bin/run', '-rw-r--r-- 0/0 opt/thing/lib/index.js', '-rw-r--r-- 0/0 opt/tool.jar', '-rw-r--r-- 0/0 opt/wheel/wheel/data.txt'],
  )
  assert.equal(extracted(layer, 'opt/wheel/wheel/data.txt'), 'inside')
})

test('what cannot be put into an image is refused by its own code', async () => {
  const refused = async (name: string, recipe: string): Promise<string> => {
    bench.write(`${name}.yaml`, `image: ${name}\nextends: base.yaml\nlayers:\n  - ${recipe}\n`)
    const error = await bench.build(`${name}.yaml`, bench.store('one')).then(() => undefined, (reason: unknown) => reason)
    assert.ok(error instanceof Fault, `${name} is refused`)
    return error.code
  }
  bench.item('damaged', bench.write('damaged_1_all.deb', readFileSync(join(bench.folder, 'tool_1_all.deb')).subarray(0, 300)))
  assert.equal(await refused('damaged', '{name: x, apt: [damaged]}'), 'E_IMAGE_ARCHIVE')
  const escape = join(bench.folder, 'escape.tar')
  writeFileSync(join(bench.folder, 'evil'), 'x')
  execFileSync('tar', ['-cf', escape, '-C', bench.folder, '--transform', 's|evil|../../evil|', '-P', 'evil'])
  assert.equal(await refused('escape', '{name: x, unpack: [{source: file, item: escape.tar, to: /x}]}'), 'E_IMAGE_ARCHIVE')
  assert.equal(
    await refused('nothing', '{name: x, unpack: [{source: file, item: escape.tar, to: /x, strip: 9}]}'),
    'E_IMAGE_ARCHIVE',
  )
  assert.equal(await refused('conflict', '{name: x, files: [{from: config/run, to: /etc}]}'), 'E_IMAGE_CONFLICT')
  assert.equal(await refused('user', '{name: x, users: [{name: other, uid: 65532, gid: 1}]}'), 'E_IMAGE_USER')
  bench.write('broken.ts', 'const = 1\n')
  assert.equal(await refused('program', '{name: x, program: {entry: broken.ts, to: /x.mjs}}'), 'E_IMAGE_PROGRAM')
})

test('a program without its libraries is refused, unless the recipe says that nothing loads it', async () => {
  copyFileSync('/bin/sh', join(bench.folder, 'sh'))
  bench.write('lonely.yaml', 'image: lonely\nlayers:\n  - {name: x, files: [{from: sh, to: /opt/sh}]}\n')
  const error = await bench.build('lonely.yaml', bench.store('one')).then(() => undefined, (reason: unknown) => reason)
  assert.ok(error instanceof Fault)
  assert.equal(error.code, 'E_IMAGE_LIBRARY')
  assert.deepEqual(error.detail.faults, ['libc.so.6, needed by /opt/sh'])
  bench.write(
    'exempt.yaml',
    'image: exempt\nlayers:\n  - {name: x, incomplete: [opt/**], files: [{from: sh, to: /opt/sh}]}\n',
  )
  assert.equal((await bench.build('exempt.yaml', bench.store('one'))).name, 'exempt')
})

/** A zip with one deflated member (PKWARE APPNOTE 4.3). */
function zip(name: string, text: string): Buffer {
  const data = deflateRawSync(text)
  const fields = Buffer.alloc(26)
  fields.writeUInt16LE(20, 0)
  fields.writeUInt16LE(8, 4)
  fields.writeUInt32LE(crc32(text), 10)
  fields.writeUInt32LE(data.length, 14)
  fields.writeUInt32LE(text.length, 18)
  fields.writeUInt16LE(name.length, 22)
  const local = Buffer.concat([Buffer.from('PK\x03\x04'), fields, Buffer.from(name), data])
  const central = Buffer.concat([Buffer.from('PK\x01\x02'), Buffer.from([20, 0]), fields, Buffer.alloc(14), Buffer.from(name)])
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 0, 'latin1')
  end.writeUInt16LE(1, 8)
  end.writeUInt16LE(1, 10)
  end.writeUInt32LE(central.length, 12)
  end.writeUInt32LE(local.length, 16)
  return Buffer.concat([local, central, end])
}
