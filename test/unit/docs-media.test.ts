import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

test('each test that docs/media.md names stands in the file it names', () => {
  const page = readFileSync('docs/media.md', 'utf8')
  const rows = [...page.matchAll(/^\| .+ \| `((?:unit|faults|journeys)\/[\w.-]+)`: (.+) \|$/gm)]
  assert.ok(rows.length >= 18, `${rows.length} rows`)
  for (const [, file = '', title = ''] of rows) assert.ok(readFileSync(join('test', file), 'utf8').includes(`test('${title}'`), `${file}: ${title}`)
})
