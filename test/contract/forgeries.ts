/* oxlint-disable typescript/no-explicit-any -- forged documents are of any shape */
import { refOf, type BlobRef } from '../../src/bundle/digest.ts'
import { serialise } from '../../src/bundle/strict-json.ts'
import { blobOf, replaceBlob, type Draft } from './forge.ts'

type Change = (draft: Draft) => void

/** Signed statements and contents that are not what the format says; `good` ones are unusual and right. */
export interface Forgery {
  readonly name: string
  readonly good: boolean
  readonly change: Change
}

const bad = (name: string, change: Change): Forgery => ({ name, good: false, change })
const good = (name: string, change: Change): Forgery => ({ name, good: true, change })
const text = (name: string, from: string | RegExp, to: string) =>
  bad(name, (draft) => (draft.text = (bytes) => Buffer.from(bytes.toString().replace(from, to))))
const raw = (from: string, to: string): Change => (draft) => {
  draft.statement['x'] = from
  draft.text = (bytes) => Buffer.from(bytes.toString().replace(JSON.stringify(from), to))
}

const MEMBERS = [
  ...['type', 'formatVersion', 'critical', 'kind', 'name', 'version', 'sequence', 'created', 'marking', 'targets'],
  ...['upgradesFrom', 'sums', 'contents', 'images', 'mirrors', 'iac', 'installer', 'docs', 'evidence'],
]

function memberForgeries(): Forgery[] {
  return MEMBERS.flatMap((member) => [
    bad(`without ${member}`, ({ statement }) => void delete statement[member]),
    bad(`${member} is true`, ({ statement }) => (statement[member] = true)),
    ...(member === 'installer' ? [] : [bad(`${member} is null`, ({ statement }) => (statement[member] = null))]),
  ])
}

const set = (path: string, value: unknown): Change => ({ statement }) => {
  const parts = path.split('.')
  const last = parts.pop() ?? ''
  const owner = parts.reduce((one: any, part) => one[part], statement)
  owner[last] = value
}

const VALUES: readonly (readonly [string, unknown, boolean?])[] = [
  ['sequence', 0],
  ['sequence', -1],
  ['sequence', 1.5],
  ['sequence', 2 ** 53],
  ['sequence', 2 ** 53 - 1, true],
  ['sequence', '100'],
  ['created', '2026-02-30T00:00:00Z'],
  ['created', '2026-11-22T24:00:00Z'],
  ['created', '2026-11-22T00:00:60Z'],
  ['created', '2026-11-22T00:00:00+00:00'],
  ['created', '2026-11-22 00:00:00Z'],
  ['created', '2026-11-22T00:00:00.5Z'],
  ['created', '2024-02-29T23:59:59Z', true],
  ['created', '0000-02-29T00:00:00Z', true],
  ['created', '2100-02-29T00:00:00Z'],
  ['version', ''],
  ['version', '1 0'],
  ['version', '1.0.0\n'],
  ['version', 'x'.repeat(65)],
  ['name', 'Hello'],
  ['name', '-hello'],
  ['name', 'hello-'],
  ['kind', 'Release'],
  ['formatVersion', 2],
  ['formatVersion', '1'],
  ['critical', ['deltas']],
  ['marking.policy', 'urn:x'],
  ['marking.level', 'RESTRI\u202eCTED'],
  ['marking.level', 'SECRET\u0000'],
  ['marking.level', 'RESTRICTED\u0378'],
  ['marking.categories', ['A', 'A']],
  ['marking.categories', ['AZURE']],
  ['marking.extra', 1],
  ['targets.0.os', 'de bian'],
  ['upgradesFrom', [{ name: 'hello', minSequence: 9, maxSequence: 1 }]],
  ['upgradesFrom', [{ name: 'hello', minSequence: 0, maxSequence: 0 }], true],
  ['images.0.reference', 'Localhost/hello'],
  ['images.0.reference', 'localhost/hello@sha256:abc'],
  ['images.0.name', 'a b'],
  ['mirrors.0.tree.size', -1],
  ['mirrors.0.tree.sha512', 'A'.repeat(128)],
  ['iac.0.kind', ''],
  ['installer.path', 'Sallyport'],
  ['installer.size', 0],
  ['installer', null],
  ['docs.tree.sha256', '0'.repeat(64)],
  ['x', 0.1, true],
  ['x', 1e21, true],
  ['x', 1e-7, true],
  ['x', 123456789012345680000, true],
  ['x', 5e-324, true],
  ['x', -1.5e300, true],
  ['x', [[], {}, '', null, false], true],
  ['x', 'a\u2028b\u007f\u00e9\u{1f600}\b\f\u0001"\\/', true],
  ['x', '\ud800', true],
  ['x', '\ude00\ud83d', true],
  ['x', { '': 1, ' ': 2, __proto: 3 }, true],
]

const mirrorTree = (change: (entries: any[]) => unknown): Change => (draft) => {
  const [mirror] = draft.statement['mirrors']
  mirror.tree = replaceBlob(draft, mirror.tree, serialise(change(blobOf(draft, mirror.tree))))
}
/** The first entry of the mirror's tree in other ways; the second stays, as every blob has to be referred to. */
const entries = (change: (one: any) => any[]): Change =>
  mirrorTree(([one, two]) => [...change(one), two].toSorted((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path))))
const renamed = (path: string): Change => entries((one) => [{ ...one, path }])
const manifest = (change: (value: any, draft: Draft) => void, written: (value: unknown) => string = JSON.stringify): Change => (draft) => {
  const [image] = draft.statement['images']
  const value = blobOf(draft, image.manifest)
  change(value, draft)
  image.manifest = replaceBlob(draft, image.manifest, Buffer.from(written(value)))
  reindex(draft, image, value.mediaType)
}
/** index.json as it follows from the first image. */
function reindex(draft: Draft, image: { manifest: BlobRef; reference: string }, mediaType = 'application/vnd.oci.image.manifest.v1+json'): void {
  const index = JSON.parse(String(draft.files.get('index.json')))
  Object.assign(index.manifests[0], { mediaType, digest: `sha256:${image.manifest.sha256}`, size: image.manifest.size })
  draft.files.set('index.json', serialise(index))
}
const nested = (depth: number): Change => (draft) => {
  const [image] = draft.statement['images']
  for (let level = 0; level < depth; level++) {
    const value = { schemaVersion: 2, manifests: [{ digest: `sha256:${image.manifest.sha256}`, size: image.manifest.size }] }
    image.manifest = refOf(Buffer.from(JSON.stringify(value)))
    draft.blobs.push(Buffer.from(JSON.stringify(value)))
  }
  reindex(draft, image, 'application/vnd.oci.image.index.v1+json')
}

export const FORGERIES: readonly Forgery[] = [
  ...memberForgeries(),
  ...VALUES.map(([path, value, right = false]) => ({ name: `${path} is ${JSON.stringify(value)}`, good: right, change: set(path, value) })),
  text('another spelling of a digit', '"sequence": 100', '"sequence": 1e2'),
  text('a fraction of nothing', '"sequence": 100', '"sequence": 100.0'),
  text('no last line feed', /\n$/, ''),
  text('a carriage return', '\n', '\r\n'),
  text('a byte order mark', '{', '\ufeff{'),
  text('a member twice', '"sequence": 100,', '"sequence": 100,\n  "sequence": 100,'),
  text('bytes at the end', /$/, '{}\n'),
  text('four spaces', '\n  "type"', '\n    "type"'),
  bad('malformed UTF-8', (draft) => (draft.text = (bytes) => Buffer.concat([bytes.subarray(0, 20), Buffer.from([0xff]), bytes.subarray(20)]))),
  bad('an escape that is not needed', raw('A', '"\\u0041"')),
  bad('an escaped slash', raw('/', '"\\/"')),
  bad('upper-case digits of an escape', raw('\u001b', '"\\u001B"')),
  bad('an escaped pair of surrogates', raw('\u{1f600}', '"\\ud83d\\ude00"')),
  bad('minus zero', raw('A', '-0')),
  bad('not a number', raw('A', 'NaN')),
  bad('infinity', raw('A', '1e400')),
  bad('an integer beyond a double', raw('A', '9007199254740993')),
  bad('a member named by a number', ({ statement }) => (statement['x'] = { 7: 1 })),
  bad('33 levels', ({ statement }) => (statement['x'] = Array.from({ length: 33 }).reduce<unknown>((inner) => [inner], 1))),
  good('31 levels below a member', ({ statement }) => (statement['x'] = Array.from({ length: 31 }).reduce<unknown>((inner) => [inner], 1))),
  good('__proto__', raw('A', '{\n    "__proto__": 1\n  }')),
  bad('sums of another size', ({ statement }) => (statement['sums'] = { forged: { size: 1 } })),
  bad('SHA512SUMS with carriage returns', (draft) => (draft.sums = (all) => all.replaceAll('\n', '\r\n'))),
  bad('SHA512SUMS out of order', (draft) => (draft.sums = (all) => `${all.trimEnd().split('\n').toReversed().join('\n')}\n`)),
  bad('SHA512SUMS with a line twice', (draft) => (draft.sums = (all) => all.replace(/^(.*\n)/, '$1$1'))),
  bad('SHA512SUMS without its last line feed', (draft) => (draft.sums = (all) => all.trimEnd())),
  bad('SHA512SUMS with a star', (draft) => (draft.sums = (all) => all.replace('  ', ' *'))),
  bad('the list of blobs out of order', (draft) => (draft.contents = (refs) => serialise(refs.toReversed()))),
  bad('a blob twice in the list', (draft) => (draft.contents = (refs) => serialise([...refs, refs.at(-1)]))),
  bad('a blob missing in the list', (draft) => (draft.contents = (refs) => serialise(refs.slice(1)))),
  bad('a blob of another size in the list', (draft) => (draft.contents = ([one, ...refs]) => serialise([{ ...one, size: 1 }, ...refs]))),
  bad('a blob that nothing refers to', (draft) => draft.blobs.push(Buffer.from('stowaway'))),
  bad('a file without a place', (draft) => draft.files.set('autorun.inf', Buffer.from('[autorun]'))),
  bad('a document that docs does not list', (draft) => draft.files.set('docs/more.md', Buffer.from('more'))),
  bad('another oci-layout', (draft) => draft.files.set('oci-layout', Buffer.from('{"imageLayoutVersion": "1.0.0"}'))),
  bad('an index.json of its own', (draft) => draft.files.set('index.json', Buffer.from('{}\n'))),
  bad('an installer of other bytes', (draft) => draft.files.set('sallyport', Buffer.from('another one'))),
  good('another README.txt', (draft) => draft.files.set('README.txt', Buffer.from('read me'))),
  ...['../up', '/abs', 'a//b', 'a/./b', 'a\\b', 'nul\u0000', 'zero\u200bwidth', 'x'.repeat(256), '', 'a/', '\u0378'].map((path) => bad(`a tree with ${JSON.stringify(path).slice(0, 40)}`, renamed(path))),
  ...['CON', 'aux.txt', 'ends ', 'dot.', '\u00e9/\u{1f600}', 'x'.repeat(255)].map((path) => good(`a tree with ${JSON.stringify(path).slice(0, 40)}`, renamed(path))),
  bad('two paths that differ by case', entries((one) => [{ ...one, path: 'A' }, { ...one, path: 'a' }])),
  bad('two paths that differ by Unicode form', entries((one) => [{ ...one, path: 'e\u0301' }, { ...one, path: '\u00e9' }])),
  bad('two paths that fold alike', entries((one) => [{ ...one, path: 'stra\u00dfe' }, { ...one, path: 'strasse' }])),
  bad('a file that is a folder', entries((one) => [{ ...one, path: 'a' }, { ...one, path: 'a/b' }])),
  bad('a tree out of order', mirrorTree((all) => all.toReversed())),
  bad('a path twice', entries((one) => [one, one])),
  bad('executable is false', mirrorTree(([one, two]) => [{ ...one, executable: false }, two])),
  bad('a link in a tree', mirrorTree(([one, two]) => [{ ...one, link: '/etc/passwd' }, two])),
  bad('a tree that names no blob of the bundle', mirrorTree(([one, two]) => [{ ...one, sha256: '0'.repeat(64) }, two])),
  bad('a tree with another size', mirrorTree(([one, two]) => [{ ...one, size: 1 }, two])),
  bad('a tree that is no array', mirrorTree(() => ({}))),
  good('a manifest without a media type', manifest((value) => void delete value.mediaType)),
  good('a manifest written with spaces', manifest(() => {}, (value) => JSON.stringify(value, null, 4))),
  good('a manifest of Docker', manifest((value) => (value.mediaType = 'application/vnd.docker.distribution.manifest.v2+json'))),
  bad('a manifest of another type', manifest((value) => (value.mediaType = 'text/plain'))),
  bad('a manifest without layers', manifest((value) => void delete value.layers)),
  bad('a manifest with a layer that is not here', manifest((value) => (value.layers[0].digest = `sha256:${'0'.repeat(64)}`))),
  bad('a manifest with a layer of another size', manifest((value) => (value.layers[0].size += 1))),
  bad('a manifest with a digest of another kind', manifest((value) => (value.layers[0].digest = `sha512:${'0'.repeat(128)}`))),
  bad('a manifest without config', manifest((value) => void delete value.config)),
  bad('a manifest that is an array', manifest(() => {}, () => '[]')),
  good('three indexes in each other', nested(3)),
  bad('four indexes in each other', nested(4)),
]
