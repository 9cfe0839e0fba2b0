import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { test } from 'node:test'
import fc from 'fast-check'
import { compareDebian } from '../../src/evidence/versions/debian.ts'
import { compareMaven } from '../../src/evidence/versions/maven.ts'
import { ORDERS } from '../../src/evidence/versions/order.ts'

const sign = (number: number | undefined): string => (number === undefined ? '?' : number < 0 ? '<' : number > 0 ? '>' : '=')

/** dpkg's own answer: the first relation that holds. */
function dpkg(a: string, b: string): string {
  for (const [relation, word] of [['lt', '<'], ['gt', '>']] as const)
    if (spawnSync('dpkg', ['--compare-versions', a, relation, b]).status === 0) return word
  return '='
}

const DEBIAN = [
  ['1.0-1', '1.0-2'], ['1.0-10', '1.0-9'], ['1:0.1', '9.9'], ['0:1.0', '1.0'], ['1.0~rc1-1', '1.0-1'], ['1.0', '1.0-0'], ['1.0-1', '1.0-1+b1'],
  ['1.0-1+deb13u1', '1.0-1'], ['1.0-1~deb13u1', '1.0-1'], ['2.41-12', '2.41-12+deb13u2'], ['1.0a', '1.0+'], ['1.0.', '1.0a'], ['007', '7'],
  ['1.2.3-4.1', '1.2.3-4'], ['20240101', '2024'], ['1.0+dfsg-1', '1.0-1'], ['1~~', '1~'], ['1~~a', '1~'], ['1-1-1', '1-1-2'], ['3.0.16-1~deb12u1', '3.0.15-1'],
] as const

test('Debian versions order as dpkg orders them', () => {
  for (const [a, b] of DEBIAN) {
    assert.equal(sign(compareDebian(a, b)), dpkg(a, b), `${a} ${b}`)
    assert.equal(sign(compareDebian(b, a)), dpkg(b, a), `${b} ${a}`)
  }
  const word = fc.stringMatching(/^[0-9][0-9a-b.+~]{0,6}$/)
  const version = fc.tuple(fc.option(fc.constantFrom('0', '1', '2'), { nil: undefined }), word, fc.option(fc.stringMatching(/^[0-9a-b.+~]{1,4}$/), { nil: undefined })).map(
    ([epoch, upstream, revision]) => `${epoch === undefined ? '' : `${epoch}:`}${upstream}${revision === undefined ? '' : `-${revision}`}`,
  )
  fc.assert(fc.property(version, version, (a, b) => assert.equal(sign(compareDebian(a, b)), dpkg(a, b), `${a} ${b}`)), { numRuns: 150 })
})

test('Maven versions order as Maven orders them', () => {
  const versions = [
    '1', '1.0', '1.0.0', '1-ga', '1.0-SNAPSHOT', '1.0-alpha-1', '1.0a1', '1.0-beta', '1.0-rc1', '1.0-cr2', '1.0-sp', '1.0.Final', '1-1', '1.1', '1.foo', '1-foo', '1.0.1', '2.0', '1.0-jre', '33.0.0-android', '33.0.0-jre', '1.0.1-M2', '1.0-m1', '10', '9.9.9', '3.0.0.Beta1', '3.0.0.CR1', '3.0.0', '1.2.3.RELEASE', '1..2', '4.5.14-1',
  ]
  const pairs = versions.flatMap((a) => versions.map((b) => [a, b] as const))
  const words = pairs.flatMap(([a, b]) => [a, b])
  const text = execFileSync('java', ['-cp', '/usr/share/maven/lib/*', 'org.apache.maven.artifact.versioning.ComparableVersion', ...words], { encoding: 'utf8' })
  const answers = text.split('\n').filter((line) => line.startsWith('   ')).map((line) => line.trim().split(' ')[1])
  const wrong = pairs.flatMap(([a, b], index) => {
    // The program compares each version with the one after it: every other answer is between two pairs.
    const maven = answers[index * 2]?.replace('==', '=')
    return sign(compareMaven(a, b)) === maven ? [] : [`${a} ${sign(compareMaven(a, b))} ${b}, Maven says ${maven}`]
  })
  assert.deepEqual(wrong, [])
})

test('npm, Go and Python versions, and what is none', () => {
  for (const [type, a, relation, b] of [
    ['npm', '1.10.0', '>', '1.9.0'],
    ['npm', '1.0.0-rc.1', '<', '1.0.0'],
    ['npm', 'latest', '?', '1.0.0'],
    ['golang', 'v1.2.3', '=', '1.2.3'],
    ['golang', 'v2.0.0+incompatible', '=', '2.0.0'],
    ['golang', 'v0.0.0-20240101000000-abcdefabcdef', '<', '0.1.0'],
    ['golang', 'go1.26.11', '>', '1.26.9'],
    ['pypi', '1.0.post1', '>', '1.0'],
    ['pypi', '1.0rc1', '<', '1.0'],
    ['pypi', '1!0.1', '>', '9'],
    ['pypi', 'not a version', '?', '1'],
  ] as const)
    assert.equal(sign(ORDERS[type]?.(a, b)), relation, `${type} ${a} ${b}`)
  assert.equal(ORDERS['rpm'], undefined)
})
