import assert from 'node:assert/strict'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Fault } from '../../src/bundle/fault.ts'
import { readPolicy } from '../../src/bundle/policy-file.ts'
import { verifyBundle } from '../../src/bundle/verify.ts'

const V1 = new URL('../golden/v1/', import.meta.url).pathname
const NOW = new Date('2026-12-01T00:00:00Z')
const DIGEST = 'faadb314853bbb0281168584f498f13fff1e667b45321c4c1bc412c68a3c082f02afd37c8f92df59c6335d6ce2b251accda909ff309d0be4973d1d9f7696ae16'

test('the bundle of format 1 that was made once is accepted by the reader of today', async () => {
  const policy = await readPolicy(join(V1, 'trust-policy.json'))
  const bundle = await verifyBundle(join(V1, 'bundle'), { policy, act: 'install', now: NOW })
  assert.equal(bundle.digest, DIGEST)
  assert.equal(bundle.statement.formatVersion, 1)
  assert.deepEqual(bundle.signers.map(({ person }) => person), ['Golden Publisher'])
})

test('and it is refused once a byte of it is another', async () => {
  const copy = await mkdtemp(join(tmpdir(), 'golden-'))
  try {
    await cp(join(V1, 'bundle'), copy, { recursive: true })
    const file = join(copy, 'docs/runbook.md')
    await writeFile(file, (await readFile(file, 'utf8')).replace('Runbook', 'Runbooc'))
    const policy = await readPolicy(join(V1, 'trust-policy.json'))
    await assert.rejects(
      verifyBundle(copy, { policy, act: 'install', now: NOW }),
      (error: unknown) => error instanceof Fault && error.code === 'E_FILE_ALTERED',
    )
  } finally {
    await rm(copy, { recursive: true })
  }
})
