import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { copyFileSync, chmodSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { buildInstaller } from '../../src/connected/images/installer.ts'
import { ImageBench } from './images-fixture.ts'

const bench = new ImageBench()
after(() => rmSync(bench.folder, { recursive: true }))

test('the installer is the same bytes twice, needs no Node, and loads nothing that lies beside it', async () => {
  const hashPool = fileURLToPath(new URL('../../src/bundle/hash-worker.ts', import.meta.url))
  const entry = bench.write(
    'entry.ts',
    `import { getAsset } from 'node:sea'
import { newBuffer } from ${JSON.stringify(hashPool)}
const found = await import('./native.node').catch((error: Error) => error.message)
console.log(process.argv.slice(2), found, getAsset('worker', 'utf8').includes('workerData'), typeof newBuffer)
`,
  )
  bench.write('native.node', 'never loaded')
  const scratch = join(bench.folder, 'scratch')
  mkdirSync(scratch)
  const store = bench.store('one')
  const first = await buildInstaller({ store, scratch, entry })
  const second = await buildInstaller({ store: bench.store('two'), scratch, entry })
  assert.deepEqual(second, first)
  const program = join(bench.folder, 'sallyport')
  copyFileSync(store.pathOf(first.blob.sha256), program)
  chmodSync(program, 0o755)
  const shown = execFileSync(program, ['verify', 'x'], { encoding: 'utf8', env: { PATH: '/nonexistent' }, cwd: bench.folder })
  assert.equal(shown, "[ 'verify', 'x' ] ./native.node is not part of this executable true function\n")
})
