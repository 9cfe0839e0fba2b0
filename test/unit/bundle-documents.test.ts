import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '../../src/bundle/fault.ts'
import { collisions, comparePaths, pathFault, plainPathFault } from '../../src/bundle/path.ts'
import { parseStatement } from '../../src/bundle/statement.ts'
import { parseStrict, serialise } from '../../src/bundle/strict-json.ts'
import { parseSums, serialiseSums } from '../../src/bundle/sums.ts'
import { parsePlain, parseTree, serialisePlain, serialiseTree } from '../../src/bundle/tree.ts'

/** Documents have no members named by numbers, which parsers put in another order. */
const written = (value: unknown): boolean => !/"\d+":/.test(JSON.stringify(value))
const options = { what: 'a document', limit: 1 << 20 }
const SHA256 = 'a'.repeat(64)
const SHA512 = 'b'.repeat(128)

const segment = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  .filter((text) => pathFault(text) === undefined && !text.includes('/'))
const path = fc.array(segment, { minLength: 1, maxLength: 5 }).map((segments) => segments.join('/'))
const apart = fc.uniqueArray(path, { maxLength: 30 }).filter((paths) => collisions(paths).length === 0)

suite('strict JSON', () => {
  test('what serialise writes is read back the same', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }).filter(written), (value) => {
        const plain: unknown = JSON.parse(JSON.stringify(value))
        assert.deepEqual(parseStrict(serialise(plain), options), plain)
      }),
    )
  })

  test('any other bytes are refused, or are the same document written the same way', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(), fc.integer({ min: 0, max: 255 }), (value, at, byte) => {
        const bytes = serialise(value)
        bytes[at % bytes.length] = byte
        try {
          assert.deepEqual(serialise(parseStrict(bytes, options)), bytes)
        } catch (error) {
          assert.equal((error as Fault).code, 'E_JSON_STRICT')
        }
      }),
    )
  })

  const twice = (text: string) => Buffer.from(text)
  for (const [what, bytes] of [
    ['a duplicate member', twice('{\n  "a": 1,\n  "a": 1\n}\n')],
    ['trailing bytes', twice('{}\n ')],
    ['no final line feed', twice('{}')],
    ['another indentation', twice('{\n\t"a": 1\n}\n')],
    ['a carriage return', twice('{\r\n  "a": 1\r\n}\r\n')],
    ['a byte order mark', twice('\ufeff{}\n')],
    ['another spelling of a character', twice('"\\u0061"\n')],
    ['another spelling of a number', twice('1.0\n')],
    ['a number that loses digits', twice('9007199254740993\n')],
    ['a number that overflows', twice('1e999\n')],
    ['minus zero', twice('-0\n')],
    ['members that a parser puts in another order', twice('{\n  "b": 1,\n  "1": 1\n}\n')],
    ['a member named by a number', twice('{\n  "1": 1\n}\n')],
    ['33 levels', serialise(Array.from({ length: 33 }).reduce<unknown>((inner) => [inner], 1))],
    ['malformed UTF-8', Buffer.from([0x22, 0xff, 0x22, 0x0a])],
    ['nothing', Buffer.alloc(0)],
    ['a nesting that exhausts the stack', twice(`${'['.repeat(200_000)}${']'.repeat(200_000)}\n`)],
  ] as const) {
    test(`${what} is refused`, () => assert.throws(() => parseStrict(bytes, options), { code: 'E_JSON_STRICT' }))
  }

  test('more bytes than the limit are refused unparsed', () => {
    assert.throws(() => parseStrict(Buffer.from('{}\n'), { what: 'x', limit: 2 }), { code: 'E_TOO_LARGE' })
  })

  test('a member named __proto__ stays a member', () => {
    const value = parseStrict(Buffer.from('{\n  "__proto__": {\n    "type": "x"\n  }\n}\n'), options) as Record<
      string,
      unknown
    >
    assert.equal(value['type'], undefined)
    assert.throws(() => parseStatement(serialise(value)), { code: 'E_FORMAT_UNKNOWN' })
  })
})

suite('paths', () => {
  const bad = [
    '',
    '/',
    '/a',
    'a/',
    'a//b',
    './a',
    'a/.',
    '../a',
    'a/../b',
    '..',
    'a\\b',
    'a\nb',
    'a\u0000',
    'a\u007f',
    'a\u0085b',
    'a\u202eb',
    'a\u200bb',
    '\ufeffa',
    'a\u2028b',
    'a\ud800',
    'x'.repeat(256),
    `${'x/'.repeat(513)}x`,
  ]
  for (const one of bad)
    test(`${JSON.stringify(one.slice(0, 20))} is refused`, () => assert.notEqual(pathFault(one), undefined))

  for (const one of ['con', 'aux.txt', 'a:b', 'a.', 'a ', ' a', 'ä', 'a?', 'docs/nul'])
    test(`${JSON.stringify(one)} is refused as a plain file`, () => assert.notEqual(plainPathFault(one), undefined))

  test('no accepted path leaves its folder', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
        if (pathFault(text) !== undefined) return
        const resolved = new URL(text.split('/').map(encodeURIComponent).join('/'), 'file:///base/').pathname
        assert.ok(resolved.startsWith('/base/') && resolved.length > '/base/'.length)
      }),
    )
  })

  test('the order is that of the UTF-8 bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
        const [left, right] = [a.toWellFormed(), b.toWellFormed()]
        assert.equal(
          Math.sign(comparePaths(left, right)),
          Math.sign(Buffer.compare(Buffer.from(left), Buffer.from(right))),
        )
      }),
    )
  })

  for (const [what, paths] of [
    ['case', ['a/B', 'a/b']],
    ['case of a folder', ['A/x', 'a/y']],
    ['Unicode form', ['\u00e9', 'e\u0301']],
    ['Unicode form and case', ['\u00c9/x', 'e\u0301/y']],
    ['a letter whose capitals are two', ['stra\u00dfe', 'STRASSE']],
    ['a file that is also a folder', ['a', 'a/b']],
    ['a file that is also a folder, apart in order', ['a', 'a-b', 'a/b']],
    ['the same path twice', ['a', 'a']],
  ] as const) {
    test(`collision by ${what}`, () => assert.notDeepEqual(collisions(paths), []))
  }

  test('paths apart do not collide', () => assert.deepEqual(collisions(['a/b', 'a/c', 'b/b', 'ab', 'a-b']), []))
})

suite('trees', () => {
  test('any set of paths apart comes back, sorted', () => {
    fc.assert(
      fc.property(apart, (paths) => {
        const entries = paths.map((one, index) => ({
          path: one,
          sha256: SHA256,
          size: index,
          ...(index % 2 ? { executable: true as const } : {}),
        }))
        const bytes = serialiseTree(entries, 'tree')
        const back = parseTree(bytes, 'tree')
        assert.deepEqual(
          back.toSorted((a, b) => a.size - b.size),
          entries,
        )
        assert.deepEqual(serialiseTree(back.toReversed(), 'tree'), bytes)
      }),
    )
  })

  test('every fault is named at once', () => {
    const entries = [
      { path: '../x', sha256: SHA256, size: 1 },
      { path: 'a', sha256: 'A', size: -1 },
    ]
    try {
      parseTree(serialise(entries), 'tree')
      assert.fail('accepted')
    } catch (error) {
      assert.equal((error as Fault).code, 'E_TREE_INVALID')
      assert.equal((error as Fault).detail.faults?.length, 3)
    }
  })

  test('a tree out of order, with a collision, or with another member is refused', () => {
    const entry = (one: string, more = {}) => ({ path: one, sha256: SHA256, size: 1, ...more })
    for (const entries of [
      [entry('b'), entry('a')],
      [entry('A'), entry('a')],
      [entry('a', { link: 'b' })],
      [entry('a', { executable: false })],
      {},
    ]) {
      assert.throws(() => parseTree(serialise(entries), 'tree'), { code: 'E_TREE_INVALID' })
    }
    assert.throws(() => serialiseTree([entry('a'), entry('a')], 'tree'), { code: 'E_TREE_INVALID' })
  })

  test('plain entries come back; names Windows cannot hold are refused', () => {
    const bytes = serialisePlain(
      [
        { path: 'b/c.md', sha512: SHA512, size: 3 },
        { path: 'a.md', sha512: SHA512, size: 2 },
      ],
      'docs',
    )
    assert.deepEqual(
      parsePlain(bytes, 'docs').map((entry) => entry.path),
      ['a.md', 'b/c.md'],
    )
    assert.throws(() => serialisePlain([{ path: 'con', sha512: SHA512, size: 3 }], 'docs'), { code: 'E_TREE_INVALID' })
  })
})

suite('SHA512SUMS', () => {
  const plain = fc
    .array(fc.stringMatching(/^[a-z0-9_@+=,~-]{3,12}$/), { minLength: 1, maxLength: 3 })
    .map((parts) => parts.join('/'))

  test('any list comes back, in the order of bytes', () => {
    fc.assert(
      fc.property(fc.uniqueArray(plain, { maxLength: 20 }), (paths) => {
        fc.pre(collisions(paths).length === 0 && paths.every((one) => plainPathFault(one) === undefined))
        const sums = new Map(paths.map((one) => [one, SHA512]))
        const back = parseSums(serialiseSums(sums))
        assert.deepEqual(new Map([...back].toSorted()), new Map([...sums].toSorted()))
        assert.deepEqual([...back.keys()], paths.toSorted(comparePaths))
      }),
    )
  })

  const good = `${SHA512}  a\n`
  for (const text of [
    good.trimEnd(),
    `${good}${good}`,
    good.toUpperCase(),
    `${SHA512} *a\n`,
    `\\${good}`,
    `${SHA512}  ../a\n`,
    `\n${good}`,
    `${SHA512}  b\n${good}`,
  ]) {
    test(`${JSON.stringify(text.replaceAll(SHA512, '…'))} is refused`, () => {
      assert.throws(() => parseSums(Buffer.from(text)), { code: 'E_SUMS_INVALID' })
    })
  }
})
