import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { MIRROR_CLIENTS, type Lie } from '../journeys/shared/mirror-clients.ts'

const guide = readFileSync(new URL('../../docs/guides/mirrors.md', import.meta.url), 'utf8')

test('what the table says of a depot that lies is what journey 20 tries', () => {
  const [head = '', , ...rows] = guide.split('\n').filter((line) => line.startsWith('|')).slice(0, 13)
  const cells = (line: string): string[] => line.split('|').map((cell) => cell.trim()).slice(1, -1)
  const columns = cells(head)
  const said = Object.fromEntries(rows.map(cells).map((row) => [row[0] ?? '', ['a file', 'index and file'].map((what) => row[columns.indexOf(what)])]))
  const outcome = (lie: Lie | undefined): string => (lie === undefined ? '–' : lie.refused === undefined ? 'taken' : 'refused')
  const tried = MIRROR_CLIENTS.filter(({ variant }) => variant === undefined).map(({ name, lies }) => [name, (['a file', 'index and file'] as const).map((what) => outcome(lies.find((lie) => lie.what === what)))])
  assert.deepEqual(said, Object.fromEntries(tried))
})
