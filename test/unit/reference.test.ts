import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { referencePages } from '../../src/cli/reference.ts'

for (const [path, text] of referencePages())
  test(`${path} is what the code says now`, () => {
    assert.equal(readFileSync(path, 'utf8'), text, `${path} is stale: npm run docs`)
  })
