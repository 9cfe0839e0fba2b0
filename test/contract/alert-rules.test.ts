import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { before, describe, test } from 'node:test'
import { parse } from 'yaml'

interface Rule {
  readonly alert?: string
  readonly expr: string
  readonly labels?: Record<string, string>
  readonly annotations?: Record<string, string>
}

const RULES = new URL('../../ansible/roles/prometheus/files/rules/', import.meta.url).pathname
const TESTS = new URL('alert-rules/', import.meta.url).pathname
const PAGE = new URL('../../docs/components/alertmanager.md', import.meta.url).pathname

const OVERVIEW = new URL('../../ansible/roles/prometheus/files/consoles/overview.html', import.meta.url).pathname

/** A question whose selector or host the page fills in: a selector after a name, a word between quotes. */
const asked = (pattern: string): string => pattern.replaceAll(/'%s'/g, "'x'").replaceAll(/%(?:\[1\])?s/g, "{host='h1'}")
const groups = (file: string): { rules: Rule[] }[] => (parse(readFileSync(file, 'utf8')) as { groups: { rules: Rule[] }[] }).groups
const alerts = globSync(`${RULES}*.yml`).flatMap((file) => groups(file).flatMap(({ rules }) => rules).filter(({ alert }) => alert !== undefined))

describe('rules of Prometheus', () => {
  before(() => {
    if (spawnSync('promtool', ['--version']).error) throw new Error('the Debian package prometheus is missing: apt-get install prometheus')
  })

  for (const file of globSync(`${RULES}*.yml`))
    test(`${basename(file)} is valid`, () => {
      execFileSync('promtool', ['check', 'rules', file])
    })

  for (const file of globSync(`${TESTS}*.yml`))
    test(`alerts of ${basename(file)} come when they should, and only then`, () => {
      const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', basename(file)], { cwd: dirname(file), encoding: 'utf8' })
      assert.equal(status, 0, `${stdout}${stderr}`)
    })

  test('every question of the overview is one that Prometheus understands', (context) => {
    const page = readFileSync(OVERVIEW, 'utf8')
    const questions = [...page.matchAll(/\bquery (?:"([^"]+)"|\(printf "([^"]+)")/g)].map(([, whole, pattern]) => whole ?? asked(pattern ?? ''))
    assert.equal(questions.length, page.split(/\bquery /).length - 1, 'every query of the page is found')
    const rules = questions.map((expr, index) => ({ record: `overview:q${index}`, expr }))
    const folder = mkdtempSync(join(tmpdir(), 'overview-'))
    context.after(() => rmSync(folder, { recursive: true }))
    writeFileSync(join(folder, 'rules.yml'), JSON.stringify({ groups: [{ name: 'overview', rules }] }))
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', 'rules.yml'], { cwd: folder, encoding: 'utf8' })
    assert.equal(status, 0, `${stdout}${stderr}`)
  })

  test('each alert has a test of its own', () => {
    const tested = globSync(`${TESTS}*.yml`).flatMap((file) => [...readFileSync(file, 'utf8').matchAll(/alertname: (\w+)/g)].map(([, name]) => name))
    assert.deepEqual(alerts.map(({ alert }) => alert).filter((alert) => !tested.includes(alert)), [])
  })

  test('each alert says how bad it is, what it is and what to do, and has its page', () => {
    const page = readFileSync(PAGE, 'utf8')
    for (const { alert, labels, annotations } of alerts) {
      assert.match(labels?.['severity'] ?? '', /^(critical|warning|info)$/, alert)
      assert.ok(annotations?.['summary'] && annotations['next'], alert)
      assert.ok(page.includes(`### ${alert}\n`), `docs/components/alertmanager.md has no section ${alert}`)
    }
    const sections = [...page.matchAll(/^### (\w+)$/gm)].map(([, name]) => name)
    assert.deepEqual(sections.toSorted(), alerts.map(({ alert }) => alert).toSorted())
  })

  test('a product is spoken of by its opaque id alone', () => {
    for (const { alert, expr, annotations } of alerts.filter((one) => one.alert?.startsWith('Product'))) {
      assert.deepEqual([...expr.matchAll(/by \(([^)]*)\)/g)].filter(([, labels]) => labels !== 'product'), [], alert)
      const shown = [...Object.values(annotations ?? {}).join(' ').matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label)
      assert.deepEqual(shown.filter((label) => label !== 'product'), [], alert)
    }
  })
})
