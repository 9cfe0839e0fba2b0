/** Paths that attackers have used, or might: what no tree, bundle, archive, recipe or definition may hold. */

export interface PathAttack {
  readonly name: string
  readonly path: string
}

const shown = (path: string): string => JSON.stringify(path.length > 60 ? `${path.slice(0, 30)}… (${path.length})` : path)
const all = (kind: string, paths: readonly string[]): PathAttack[] => paths.map((path) => ({ name: `${kind} ${shown(path)}`, path }))
const char = (code: number): string => String.fromCodePoint(code)
const hex = (code: number): string => `U+${code.toString(16).toUpperCase().padStart(4, '0')}`
const within = (kind: string, codes: readonly number[]): PathAttack[] => codes.map((code) => ({ name: `${kind} ${hex(code)}`, path: `a${char(code)}b` }))
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index)

const TRAVERSAL = [
  ...['..', '../x', '../../x', '../../../../../../etc/passwd', 'a/..', 'a/../x', 'a/../../x', 'a/b/../../../x', './x', 'a/.', '.', 'a/./b'],
  ...['./../x', '.././x', '../', '../.', 'a/b/..', 'a/../', 'x/../bundle.json', '../blobs/sha256/x', 'a/./../b', '..//x', './/x', './'],
]
const EMPTY = ['', 'a//b', 'a/', 'a///b', 'a/b//', 'a/b/c/']
const ABSOLUTE = ['/', '/etc/passwd', '//etc/passwd', '///x', '/..', '/../etc/passwd', '/./x', '//host/share/x', '/a/', '/dev/null', '/proc/self/environ']
const BACKSLASH = [
  ...['..\\x', '..\\..\\x', 'a\\..\\..\\x', '\\x', '\\\\host\\share\\x', 'C:\\x', '\\\\?\\C:\\x', '\\\\.\\COM1', 'a\\b', 'a/..\\x', '..\\/x', 'a\\'],
]
const LONG = [`${'x'.repeat(256)}`, `a/${'x'.repeat(256)}/b`, 'é'.repeat(128), `${'d/'.repeat(512)}x`, `${'x'.repeat(200)}/`.repeat(6).slice(0, -1), '\u{1f600}'.repeat(64), 'a'.repeat(5000)]
/** Bidirectional overrides, zero width, joiners, tags, variation of what a person sees. */
const FORMAT = [0xad, 0x61c, 0x180e, ...range(0x200b, 0x200f), ...range(0x202a, 0x202e), ...range(0x2060, 0x2064), ...range(0x2066, 0x2069), 0xfeff, 0xfff9, 0xfffb, 0x110bd, 0xe0001, 0xe0041, 0xe007f]
const UNASSIGNED = [0x378, 0x530, 0x2065, 0xfdd0, 0xfdef, 0xfffe, 0xffff, 0x1fffe, 0x50000, 0x10ffff]

/** Refused wherever a path may stand. */
export const PATHS: readonly PathAttack[] = [
  ...all('traversal', TRAVERSAL),
  ...all('an empty segment', EMPTY),
  ...all('absolute', ABSOLUTE),
  ...all('a backslash', BACKSLASH),
  ...all('too long', LONG),
  ...within('a control character', [...range(0, 0x1f), ...range(0x7f, 0x9f)]),
  ...within('an invisible character', FORMAT),
  ...within('a separator of lines', [0x2028, 0x2029]),
  ...within('an unassigned character', UNASSIGNED),
  ...within('half a pair', [0xd800, 0xdbff, 0xdc00, 0xdfff]),
]

const DEVICES = ['con', 'prn', 'aux', 'nul', ...range(0, 9).flatMap((n) => [`com${n}`, `lpt${n}`])]

/** Refused for files that stand in the bundle itself, as Windows or a disc would take them otherwise; a tree may hold them. */
export const PLAIN_PATHS: readonly PathAttack[] = [
  ...all('a device of Windows', [...DEVICES, ...['CON', 'Nul', 'AUX', 'cOm1', 'LPT9'], ...['nul.txt', 'con.tar.gz', 'COM1.log', 'a/aux', 'prn/x', 'aux.', 'a/lpt1.md/b'].slice(0, 7)]),
  ...all('an end that Windows drops', ['x.', 'x..', 'x ', 'a./b', 'a /b', 'x. ', 'x .', '...', 'a/...', ' x', 'a/ x']),
  ...all('a sign with a meaning', ['x:y', 'x:$DATA', 'C:x', 'a?b', 'a*b', 'a<b', 'a>b', 'a|b', 'a"b', "a'b", 'a`b', 'a$b', 'a;b', 'a&b', 'a%2e%2e', '%2e%2e/x', 'a#b', 'a!b', 'a(b', 'a[b', 'a{b', 'a^b']),
  ...all('a letter beyond ASCII', ['é', 'e\u0301', 'ß', 'ı', '\u212a', '\uff0f', '\u2215', '\u2044', '\uff0e\uff0e', '\u2024\u2024', '\u3002', 'с', 'а/b', '\u{1f600}', '\u00a0', '\u3000', '\ufffd']),
]

export interface SetAttack {
  readonly name: string
  readonly paths: readonly string[]
}

/** Each path is right alone: together they are one file on some system, or cannot both be. */
export const SETS: readonly SetAttack[] = [
  ...[
    ['a', 'A'],
    ['readme.txt', 'README.TXT'],
    ['docs/x', 'Docs/y'],
    ['a/b/c', 'a/B/d'],
    ['é', 'É'],
    ['e\u0301', '\u00e9'],
    ['a/e\u0301/x', 'a/\u00e9/y'],
    ['\u00c5', '\u212b'],
    ['A\u030a', '\u00e5'],
    ['k', '\u212a'],
    ['\u2126', '\u03c9'],
    ['stra\u00dfe', 'strasse'],
    ['STRASSE', 'stra\u00dfe'],
    ['\u1e9e', 'ss'],
    ['\u1e9e', '\u00df'],
    ['\ufb01le', 'file'],
    ['\ufb03', 'ffi'],
    ['s', '\u017f'],
    ['\u03c3', '\u03c2'],
    ['\u01c6', '\u01c4'],
    ['\u01c5', '\u01c6'],
    ['\u0390', '\u1fd3'],
    ['\u1e96', 'h\u0331'],
    ['\u0149', '\u02bcn'],
    ['\u0587', '\u0565\u0582'],
    ['\u13a0', '\uab70'],
    ['\u{10400}', '\u{10428}'],
    ['\u1100\u1161', '\uac00'],
    ['\u0344', '\u0308\u0301'],
    ['\u2000', '\u2002'],
    ['\u{1d15e}', '\u{1d157}\u{1d165}'],
    ['a/x', 'a/X'],
    ['x/a', 'X/a'],
    ['x/a', 'X'],
    ['\uf900', '\u8c48'],
  ].map((paths) => ({ name: `the same but for case or Unicode form: ${paths.map(shown).join(' and ')}`, paths })),
  ...[
    ['a', 'a'],
    ['a/b', 'a/b'],
    ['a', 'b', 'a'],
  ].map((paths) => ({ name: `twice: ${paths.map(shown).join(', ')}`, paths })),
  ...[
    ['a', 'a/b'],
    ['a/b', 'a'],
    ['a', 'a/b/c'],
    ['a/b', 'a/b/c/d'],
    ['a', 'A/b'],
    ['e\u0301', '\u00e9/x'],
  ].map((paths) => ({ name: `a file and a folder: ${paths.map(shown).join(' and ')}`, paths })),
]
