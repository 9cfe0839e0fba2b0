/** Run by bundle-write.test.ts: writes a bundle to a small disk at argv[2] from a store elsewhere, prints the outcome. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Fault } from '../../src/bundle/fault.ts'
import { writeBundle } from '../../src/bundle/write.ts'
import { partsIn } from './bundle-fixture.ts'

const [, , disk = ''] = process.argv
const elsewhere = await mkdtemp('/dev/shm/bundle-parts-')
try {
  const parts = await partsIn(elsewhere)
  const docs = [{ path: 'large.md', bytes: Buffer.alloc(60_000, 'x') }]
  const code = await writeBundle(join(disk, 'bundle'), { ...parts, docs }).then(
    () => 'written',
    (error: Fault) => error.code,
  )
  process.stdout.write(JSON.stringify({ code, left: await readdir(disk) }))
} finally {
  await rm(elsewhere, { recursive: true, force: true })
}
