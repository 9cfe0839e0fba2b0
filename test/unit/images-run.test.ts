import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { Fault } from '../../src/bundle/fault.ts'
import type { BuiltImage, PinnedLayers } from '../../src/connected/images/image.ts'
import { extracted, ImageBench, layersOf, listed } from './images-fixture.ts'

const bench = new ImageBench()
after(() => rmSync(bench.folder, { recursive: true }))
const root = process.getuid?.() === 0

/** This machine's own programs and their libraries: enough of a root to run commands in. */
function machinePrograms(programs: readonly string[]): string {
  const lines: string[] = []
  const seen = new Set<string>()
  for (const program of programs) {
    const libraries = execFileSync('ldd', [program], { encoding: 'utf8' }).matchAll(/(\/\S+) \(0x/g)
    for (const file of [program, ...Array.from(libraries, (match) => match[1] ?? '')]) {
      if (seen.has(file)) continue
      seen.add(file)
      const name = bench.write(`machine${file}`, readFileSync(file), 0o755)
      lines.push(`      - {from: ${name.slice(bench.folder.length + 1)}, to: ${dirname(file)}/${basename(file)}}`)
    }
  }
  return lines.join('\n')
}

bench.write('removed', 'x')
bench.write('rewritten', 'the same')
bench.write(
  'run.yaml',
  `image: run
layers:
  - name: root
    files:
${machinePrograms(['/bin/sh', '/bin/cat', '/bin/rm', '/bin/date'])}
      - {from: removed, to: /opt/old/removed}
      - {from: rewritten, to: /opt/rewritten}
  - name: made
    env: {GREETING: hello}
    run:
      - [/bin/sh, -c, 'echo "$GREETING $(date +%s%N)" > /opt/made; rm /opt/old/removed; printf "the same" > /opt/rewritten']
      - [/bin/sh, -c, 'cat /proc/net/dev > /opt/network; echo gone > /tmp/gone; echo $$ > /opt/pid']
`,
)

async function build(outputs: PinnedLayers, store: string): Promise<BuiltImage> {
  return bench.build('run.yaml', bench.store(store), { outputs })
}

async function refusal(built: Promise<BuiltImage>): Promise<Fault> {
  const error = await built.then(() => undefined, (reason: unknown) => reason)
  assert.ok(error instanceof Fault, 'a fault')
  return error
}

test('what commands change is a layer, pinned for the next build; nothing else is', async () => {
  if (!root) return void assert.equal((await refusal(build({}, 'one'))).code, 'E_IMAGE_RUN_ROOT')
  const first = await build({}, 'one')
  const store = bench.store('one')
  const layer = layersOf(store, await store.bytes(first.manifest.sha256, 1e6))[1] ?? ''
  assert.deepEqual(listed(layer), [
    '-rw-r--r-- 0/0 opt/made',
    '-rw-r--r-- 0/0 opt/network',
    '-rw-r--r-- 0/0 opt/old/.wh.removed',
    '-rw-r--r-- 0/0 opt/pid',
  ])
  assert.match(extracted(layer, 'opt/made'), /^hello \d+\n$/)
  const interfaces = extracted(layer, 'opt/network').split('\n').slice(2, -1)
  assert.deepEqual(interfaces.map((line) => line.split(':')[0]?.trim()), ['lo'], 'loopback alone')

  assert.deepEqual(await build(first.outputs, 'one'), first, 'the pinned bytes are taken')
  const elsewhere = await build({}, 'two')
  assert.notEqual(elsewhere.outputs['run/made']?.layer.sha256, first.outputs['run/made']?.layer.sha256)
  assert.equal((await refusal(build(first.outputs, 'two'))).code, 'E_IMAGE_PINNED')
})

test('a command that fails names its last lines', async () => {
  bench.write(
    'fail.yaml',
    'image: fail\nextends: run.yaml\nlayers:\n  - {name: fail, run: [[/bin/sh, -c, "echo reason >&2; exit 3"]]}\n',
  )
  const fault = await refusal(bench.build('fail.yaml', bench.store('one')))
  if (!root) return void assert.equal(fault.code, 'E_IMAGE_RUN_ROOT')
  assert.equal(fault.code, 'E_IMAGE_RUN')
  assert.deepEqual(fault.detail.faults, ['reason'])
  assert.equal(fault.detail.found, 'exit code 3')
  assert.equal(readFileSync('/proc/self/mounts', 'utf8').includes(join(bench.folder, 'scratch')), false, 'no mount is left')
})
