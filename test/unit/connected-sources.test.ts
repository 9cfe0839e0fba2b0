import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bundleBom } from '../../src/evidence/bundle-bom.ts'
import { purlOf } from '../../src/evidence/component.ts'
import { listedDigest, parseStanzas } from '../../src/connected/sources/apt/stanza.ts'
import { mirrorOfCentral } from '../../src/connected/sources/maven/repository.ts'
import { rounds } from '../../src/connected/sources/rounds.ts'
import { inTurns } from '../../src/connected/sources/turns.ts'

test('paragraphs of a Debian index keep continuation lines', () => {
  const [one, two] = parseStanzas('Package: a\nDepends: b,\n c\n\nPackage: d\n')
  assert.equal(one?.get('depends'), 'b,\nc')
  assert.equal(two?.get('package'), 'd')
})

test('a digest is read from the SHA256 list of a signed Release, not from another list', () => {
  const release = [
    '-----BEGIN PGP SIGNED MESSAGE-----',
    'Hash: SHA256',
    '',
    'Origin: Debian',
    'MD5Sum:',
    ' 00000000000000000000000000000000 5 main/binary-amd64/Packages.xz',
    'SHA256:',
    ` ${'a'.repeat(64)} 7 main/binary-amd64/Packages.xz`,
    '-----BEGIN PGP SIGNATURE-----',
    '',
    'iQ',
    '',
  ].join('\n')
  assert.deepEqual(listedDigest(release, 'main/binary-amd64/Packages.xz'), { sha256: 'a'.repeat(64), size: 7 })
  assert.equal(listedDigest(release, 'main/binary-arm64/Packages.xz'), undefined)
})

test('a mirror of central is found in Maven’s settings; comments, blocked and excluding ones do not count', () => {
  const mirror = (of: string, more = ''): string =>
    `<mirror><id>x</id><mirrorOf>${of}</mirrorOf><url>https://mirror.invalid/m2</url>${more}</mirror>`
  const settings = (inner: string): string => `<settings><mirrors>${inner}</mirrors></settings>`
  for (const pattern of ['central', '*', 'external:*', 'a, central'])
    assert.equal(mirrorOfCentral(settings(mirror(pattern)))?.url, 'https://mirror.invalid/m2', pattern)
  for (const inner of [
    mirror('other'),
    mirror('*,!central'),
    mirror('*', '<blocked>true</blocked>'),
    `<!-- ${mirror('central')} -->`,
    mirror('external:http:*'),
  ])
    assert.equal(mirrorOfCentral(settings(inner)), undefined, inner)
})

test('versions of one package are resolved in separate rounds', () => {
  assert.deepEqual(
    rounds(['a@1', 'b@1', 'a@2'], (item) => item.split('@')[0] ?? ''),
    [['a@1', 'b@1'], ['a@2']],
  )
})

test('work in turns keeps its order and its limit, and stops at the first error', async () => {
  let running = 0
  let most = 0
  const done = await inTurns([3, 1, 2], 2, async (wait) => {
    most = Math.max(most, ++running)
    await new Promise((resolve) => setTimeout(resolve, wait))
    running--
    return wait * 10
  })
  assert.deepEqual(done, [30, 10, 20])
  assert.equal(most, 2)
  const started: number[] = []
  const failing = inTurns([1, 2, 3, 4], 1, async (one) => {
    started.push(one)
    if (one === 2) throw new Error('two')
  })
  await assert.rejects(failing, /two/)
  assert.deepEqual(started, [1, 2])
})

test('the bill of materials names each ecosystem’s packages by purl, the same bytes each time', () => {
  const digests = { sha256: 'a'.repeat(64), sha512: 'b'.repeat(128) }
  const purls = [
    {
      kind: 'apt',
      name: 'busybox-static',
      version: '1:1.37.0-6+b9',
      path: 'pool/busybox-static_1.37.0-6+b9_amd64.deb',
      ...digests,
    },
    { kind: 'npm', name: '@types/ms', version: '2.1.0', path: 'x', ...digests },
    { kind: 'maven', name: 'org.x:y', version: '1.0', path: 'org/x/y/1.0/y-1.0.tar.gz', ...digests },
    { kind: 'go', name: 'github.com/google/uuid', version: 'v1.6.0', path: 'x.zip', ...digests },
  ].map(purlOf)
  assert.deepEqual(purls, [
    'pkg:deb/debian/busybox-static@1:1.37.0-6%2Bb9?arch=amd64&distro=debian-13',
    'pkg:npm/%40types/ms@2.1.0',
    'pkg:maven/org.x/y@1.0?type=tar.gz',
    'pkg:golang/github.com/google/uuid@v1.6.0',
  ])
  const contents = {
    name: 'x',
    version: '1',
    created: '2026-11-22T00:00:00Z',
    components: [{ kind: 'file', name: 'f', version: '1', path: 'f', ...digests }],
    images: [],
    files: [],
  }
  assert.deepEqual(bundleBom(contents), bundleBom(contents))
  const document = JSON.parse(bundleBom(contents).toString()) as { serialNumber: string }
  assert.match(document.serialNumber, /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
})
