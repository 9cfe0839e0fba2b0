/** The commands on the card and in README.txt, run as they are printed, with the machine's own openssl and coreutils. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { cardText } from '../../src/bundle/card.ts'
import { FINGERPRINT } from '../../src/bundle/commands.ts'
import { sha512 } from '../../src/bundle/digest.ts'
import { spki, writeKey } from '../../src/bundle/keys.ts'
import { parseSums, serialiseSums } from '../../src/bundle/sums.ts'
import { bundleIn, people, policyOf, temporary, type People } from './bundle-fixture.ts'

const run = promisify(execFile)

let who: People
let directory: string
let pristine: string
const cleanups: (() => Promise<void>)[] = []

before(async () => {
  directory = await temporary({ after: (cleanup) => void cleanups.push(cleanup as () => Promise<void>) })
  who = await people()
  pristine = (await bundleIn(directory, [who.alice])).directory
  await writeKey(join(directory, 'keys'), who.alice, null)
})
after(async () => {
  for (const cleanup of cleanups) await cleanup()
})

/** Types the lines of a text that begin as one of the commands do; gives what they print, wrong exits included. */
async function typed(text: string, bundle: string): Promise<string> {
  const known = await run('openssl', ['version']).then(({ stdout }) => !/^OpenSSL (?:1|3\.[0-4])\./.test(stdout))
  const start = known ? /^(?:openssl|test|sha512sum|T=)/ : /^(?:openssl dgst|test|sha512sum|T=)/
  const lines = text.split('\n').filter((line) => start.test(line))
  assert.equal(lines.length, known ? 5 : 4)
  const script = lines.map((line) => `${line} || echo REFUSED`).join('\n')
  const env = { ...process.env, K: join(directory, 'keys'), KEY: who.alice.keyId }
  const { stdout, stderr } = await run('sh', ['-c', script], { cwd: bundle, env })
  return stdout + stderr
}

async function copy(): Promise<string> {
  const target = join(directory, `copy-${Math.random()}`)
  await cp(pristine, target, { recursive: true })
  return target
}

const readme = () => readFile(join(pristine, 'README.txt'), 'utf8')

test('a good bundle passes every line of README.txt and of the card', async () => {
  for (const text of [await readme(), cardText([who.alice], policyOf({ root: who.root, keys: [who.alice] }))]) {
    const output = await typed(text, pristine)
    for (const word of ['Verified OK', 'SUMS OK', 'CONTENT OK', 'LISTING OK']) assert.ok(output.includes(word), output)
    assert.ok(!output.includes('REFUSED'), output)
  }
})

test('content changed together with SHA512SUMS is caught', async () => {
  const bundle = await copy()
  await writeFile(join(bundle, 'docs/runbook.md'), '# Evil\n')
  const sums = new Map(parseSums(await readFile(join(bundle, 'SHA512SUMS'))))
  sums.set('docs/runbook.md', sha512(Buffer.from('# Evil\n')))
  await writeFile(join(bundle, 'SHA512SUMS'), serialiseSums(sums))
  const output = await typed(await readme(), bundle)
  assert.ok(!output.includes('SUMS OK'), output)
  assert.ok(output.includes('CONTENT OK'), 'the list fits the content: only the line before notices')
})

for (const [what, lost, damage] of [
  [
    'a changed bundle.json',
    'Verified OK',
    async (bundle: string) =>
      writeFile(join(bundle, 'bundle.json'), `${await readFile(join(bundle, 'bundle.json'), 'utf8')} `),
  ],
  ['a flipped byte', 'CONTENT OK', (bundle: string) => writeFile(join(bundle, 'sallyport'), 'the 1nstaller')],
  ['a missing file', 'CONTENT OK', (bundle: string) => rm(join(bundle, 'oci-layout'))],
  ['an added file', 'LISTING OK', (bundle: string) => writeFile(join(bundle, 'more'), '')],
  [
    'an added file whose name holds a line feed',
    'LISTING OK',
    (bundle: string) => writeFile(join(bundle, 'more\nf README.txt'), ''),
  ],
  [
    'a link to the right content',
    'LISTING OK',
    async (bundle: string) => {
      await cp(join(bundle, 'README.txt'), join(directory, 'outside'))
      await rm(join(bundle, 'README.txt'))
      await symlink(join(directory, 'outside'), join(bundle, 'README.txt'))
    },
  ],
] as const) {
  test(`${what} is caught`, async () => {
    const bundle = await copy()
    await damage(bundle)
    const output = await typed(await readme(), bundle)
    assert.ok(!output.includes(lost), output)
    assert.ok(output.includes('REFUSED'), output)
  })
}

test('a second "sums" record deeper in bundle.json cannot mislead the command', async () => {
  const statement = JSON.parse(await readFile(join(pristine, 'bundle.json'), 'utf8')) as Record<string, unknown>
  const bundle = await copy()
  const fake = { sha512: 'a'.repeat(128), size: 1 }
  await writeFile(
    join(bundle, 'bundle.json'),
    `${JSON.stringify({ x: { sums: fake }, ...statement, y: [{ sums: fake }], sha512: 'a' }, null, 2)}\n`,
  )
  assert.ok((await typed(await readme(), bundle)).includes('SUMS OK'))
})

test('the fingerprints on the card are what the printed command gives', async () => {
  const card = cardText([who.alice], undefined).replaceAll(/\s+/g, '')
  for (const algorithm of ['mldsa87', 'p384'] as const) {
    const { stdout } = await run('sh', ['-c', FINGERPRINT(`public.${algorithm}.pem`)], { cwd: join(directory, 'keys') })
    assert.equal(stdout.slice(0, 128), sha512(spki(who.alice.keys[algorithm])))
    assert.ok(card.includes(stdout.slice(0, 128)))
  }
})
