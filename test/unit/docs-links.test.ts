import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

const pages = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.md'], { encoding: 'utf8' })
  .split('\n')
  .filter((page) => existsSync(page))

/** Files that the relative links of a page lead to; its code blocks are no links. */
function targets(page: string): string[] {
  const prose = readFileSync(page, 'utf8').replace(/^ *```[\s\S]*?^ *```$/gm, '')
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => match[1] ?? '')
    .filter((link) => !/^(https?:|#)/.test(link))
    .map((link) => join(dirname(page), link.split('#')[0] ?? ''))
}

test('every relative link of a page leads to a file', () => {
  const broken = pages.flatMap((page) => targets(page).filter((target) => !existsSync(target)).map((target) => `${page}: ${target}`))
  assert.deepEqual(broken, [])
})

test('pages that travel in a bundle link only to pages that travel with them', () => {
  const travels = (path: string): boolean => path.startsWith('docs/') && path.endsWith('.md')
  const lost = pages.filter(travels).flatMap((page) =>
    targets(page)
      .filter((target) => !travels(target))
      .map((target) => `${page}: ${target}`),
  )
  assert.deepEqual(lost, [])
})
