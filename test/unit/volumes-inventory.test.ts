import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Command, Context } from '../../src/cli/command.ts'
import { command as importing } from '../../src/cli/import.ts'
import { command as inventory } from '../../src/cli/inventory.ts'
import { command as pack } from '../../src/cli/pack.ts'
import { readPassphrase } from '../../src/cli/passphrase.ts'
import { parseWords } from '../../src/cli/values.ts'
import { newKey, writeKey } from '../../src/bundle/keys.ts'
import { draftPolicy } from '../../src/bundle/policy-draft.ts'
import { signPolicy } from '../../src/bundle/policy-file.ts'
import { signBundle } from '../../src/bundle/verify.ts'
import type { Fault } from '../../src/bundle/fault.ts'
import { parseInventory, writeInventory } from '../../src/bundle/volumes/inventory.ts'
import { writeBundle } from '../../src/bundle/write.ts'
import { CEILING, FIELDS, codesOf, partsIn, people, temporary } from './bundle-fixture.ts'
import { snapshot } from './volumes-fixture.ts'

type Result = Readonly<Record<string, unknown>> & { readonly text: string }

async function run(cwd: string, command: Command, ...words: string[]): Promise<Result> {
  let answer: Result = { text: '' }
  const context: Context = {
    cwd,
    json: false,
    env: {},
    signal: new AbortController().signal,
    say: () => {},
    result: (value, text) => (answer = { ...(value as object), text: text() }),
    tasks: async (tasks) => {
      for (const task of tasks) await task.run(() => {})
    },
    passphrase: readPassphrase,
  }
  const { values, positionals } = parseWords(command, words)
  await command.run(context, values, positionals)
  return answer
}

const refused = (promise: Promise<unknown>): Promise<Fault> => promise.then(() => assert.fail('it was not refused'), (error: Fault) => error)

test('an inventory of one page says releases and digests alone; pack builds on what it names and refuses the wrong release', async (t) => {
  const cwd = await temporary(t)
  const { root, alice } = await people()
  const olga = await newKey('Olga Officer', 'accreditor')
  const parts = await partsIn(cwd)
  const words = ['--passphrase-file', join(cwd, 'secret')]
  await writeFile(join(cwd, 'secret'), 'several words of your own', { mode: 0o600 })
  await writeKey(join(cwd, 'alice'), alice, 'several words of your own')
  await writeKey(join(cwd, 'olga'), olga, 'several words of your own')
  const keys = [{ key: root, names: [] }, { key: alice, names: ['*'] }, { key: olga, names: ['*'] }]
  const policyOf = (site: string) => signPolicy(draftPolicy({ site, created: '2026-11-01T00:00:00Z', expires: '2036-11-22T00:00:00Z', ceiling: CEILING, keys }), [root])
  await writeFile(join(cwd, 'policy.json'), policyOf('demo'))
  await writeFile(join(cwd, 'elsewhere.json'), policyOf('elsewhere'))
  const trust = ['--policy', 'policy.json']
  const make = async (version: string, sequence: number) => {
    const { directory, digest } = await writeBundle(join(cwd, 'out', version), { ...parts, docs: [{ path: 'runbook.md', bytes: Buffer.from(version) }], fields: { ...FIELDS, version, sequence } })
    await signBundle(directory, alice)
    return digest
  }
  const [first = ''] = [await make('1.0.0', 100), await make('1.1.0', 110), await make('1.2.0', 120)]
  await run(cwd, importing, 'out/1.0.0', '--store', 'store', ...trust)

  const page = await run(cwd, inventory, '--store', 'store', ...trust, '--key', 'olga', ...words, '-o', 'inventory')
  const text = await readFile(join(cwd, 'inventory/INVENTORY.TXT'), 'latin1')
  const groups = (first.match(/.{8}/g) ?? []).join(' ')
  assert.match(text, /^SALLYPORT INVENTORY 1\nsite {2}demo\nmade {2}\S+\nholds, each with the sha512 of its bundle\.json:\nrelease hello 1\.0\.0, sequence 100\n {2}[0-9a-f ]{71}\n {2}[0-9a-f ]{71}\nEND\n$/)
  assert.ok(text.replaceAll(/\n {2}/g, ' ').includes(groups))
  assert.match(page.text, /Read it before it leaves/)
  for (const line of text.split('\n')) assert.ok(line.length <= 80)

  // By itself it finds the release beside the bundle that the site holds, though a newer one lies there too.
  const packing = (out: string, ...since: string[]) => run(cwd, pack, 'out/1.2.0', '--media', 'usb:50M', '--parity', '0%', '--key', 'alice', ...words, '-o', out, ...since.flatMap((one) => ['--since', one]), ...trust)
  const done = await packing('set', 'inventory')
  assert.deepEqual((done['since'] as { version: string }[]).map(({ version }) => version), ['1.0.0'])
  await run(cwd, importing, 'set/VOLUME-1', '--store', 'store', ...trust)
  assert.deepEqual(await snapshot(join(cwd, 'store/hello-1.2.0')), await snapshot(join(cwd, 'out/1.2.0')))

  const wrong = await refused(packing('wrong', 'inventory', 'out/1.1.0'))
  assert.equal(wrong.code, 'E_DELTA_BASE')
  assert.equal(wrong.detail.expected, `release hello 1.0.0, sequence 100, sha512 ${first}`)
  assert.match(wrong.detail.found ?? '', /release hello 1\.1\.0, sequence 110/)
  assert.match(wrong.detail.next ?? '', /Give hello 1\.0\.0 with --since instead/)
  assert.equal((await refused(run(cwd, pack, 'out/1.2.0', '--media', 'usb:50M', '--key', 'alice', ...words, '-o', 'no', '--since', 'inventory'))).code, 'E_USAGE')

  // Neither changed, nor signed by one who may not speak for the site, nor of another site, nor damaged in the store.
  const elsewhere = await refused(run(cwd, pack, 'out/1.2.0', '--media', 'usb:50M', '--key', 'alice', ...words, '-o', 'no', '--since', 'inventory', '--policy', 'elsewhere.json'))
  assert.deepEqual([elsewhere.code, elsewhere.detail.expected, elsewhere.detail.found], ['E_INVENTORY', 'elsewhere', 'demo'])
  await writeFile(join(cwd, 'inventory/INVENTORY.TXT'), text.replace('sequence 100', 'sequence 110'))
  assert.deepEqual(await codesOf(packing('no', 'inventory')), ['E_SIGNATURE_INVALID'])
  await run(cwd, inventory, '--store', 'store', ...trust, '--key', 'alice', ...words, '-o', 'by-alice')
  assert.deepEqual(await codesOf(packing('no', 'by-alice')), ['E_KEY_ROLE'])
  await writeFile(join(cwd, 'store/hello-1.0.0/docs/runbook.md'), '9.9.9')
  const left = await run(cwd, inventory, '--store', 'store', ...trust, '--key', 'olga', ...words, '-o', 'second')
  assert.deepEqual((left['held'] as { version: string }[]).map(({ version }) => version), ['1.2.0'])
  assert.match(left.text, /left out: hello 1\.0\.0: .*docs\/runbook\.md/)
})

test('an inventory is the page as it was written, or none; and it stays one page', () => {
  const one = (sequence: number, name = 'hello') => ({ kind: 'release', name, version: `1.${sequence}.0`, sequence, sha512: 'ab'.repeat(64) }) as const
  const base = { site: 'demo', made: '2026-12-01T00:00:00Z' }
  const bytes = writeInventory({ ...base, held: [one(1), one(3), one(2)] })
  assert.deepEqual(parseInventory(bytes), { ...base, held: [one(3)] })
  assert.deepEqual(parseInventory(writeInventory({ ...base, held: [] })).held, [])
  for (const change of [(text: string) => `${text}\n`, (text: string) => text.replace('END\n', 'host h1\nEND\n'), (text: string) => text.replace(', sequence 3', ', sequence 03'), (text: string) => text.replace('release', 'other')])
    assert.throws(() => parseInventory(Buffer.from(change(bytes.toString()))), { code: 'E_INVENTORY' })
  assert.throws(() => writeInventory({ ...base, held: Array.from({ length: 13 }, (_, index) => one(1, `name-${index}`)) }), { code: 'E_INVENTORY' })
  assert.ok(writeInventory({ ...base, held: Array.from({ length: 12 }, (_, index) => one(1, `name-${index}`)) }).toString().split('\n').length <= 60)
})
