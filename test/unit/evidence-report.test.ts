import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { reportContents } from '../../src/evidence/report/contents.ts'
import { html } from '../../src/evidence/report/html.ts'
import { reportPage } from '../../src/evidence/report/page.ts'
import { styleOf } from '../../src/evidence/report/style.ts'
import { NOW } from './bundle-fixture.ts'
import { EvidenceWorkshop } from './evidence-workshop.ts'

const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname
const data = (path: string): string => readFileSync(join(import.meta.dirname, 'advisories', path), 'utf8')
const workshop = new EvidenceWorkshop()
after(() => workshop.end())

const HOSTILE = '<script>alert(1)</script><img src=https://example.org/x onerror="x">'
const services = (port: number): string =>
  JSON.stringify({ services: { api: { title: HOSTILE, unit: 'api.service', uid: 2002, memory: '1G', listens: [{ name: 'https', port, bind: 'address', protocol: 'https', terminates: 'service', callers: ['operator'] }] } } })
const lib = { name: 'lib', version: '2.0-1', files: { 'usr/lib/lib.so': 'two' } }

let old = ''
let now = ''
let page = ''
before(async () => {
  old = await workshop.release({ version: '1.0.0', sequence: 100, debs: [lib], npm: ['left@1.0.0'], files: { 'ansible/group_vars/all/services.json': services(443) } })
  now = await workshop.release({
    version: '1.1.0',
    sequence: 110,
    debs: [lib, { name: 'extra', version: '3', files: { 'usr/bin/extra': 'three' } }],
    npm: ['left@1.0.0'],
    files: {
      'ansible/group_vars/all/services.json': services(8443),
      'ansible/roles/api/templates/api.container.j2': `[Container]\nEnvironment=${HOSTILE}\u202e\n`,
      'ansible/roles/api/defaults/main.yml': `greeting: '${HOSTILE}'\n`,
      'debian.json': data('debian.json').replace('extra trusts', `${HOSTILE.replaceAll('"', '\\"')} trusts`),
      'vex.json': data('vex.json').replace('Alice Example', '<b>Alice</b>'),
    },
    more: 'advisories: [{name: debian, format: debian-tracker, from: debian.json, dated: 2026-11-20}]\nvex: [vex.json]\n',
  })
  page = await render(now, old)
})

async function render(directory: string, since?: string): Promise<string> {
  const bundle = await workshop.opened(directory)
  const contents = await reportContents(bundle, since === undefined ? {} : { since: await workshop.opened(since) })
  return reportPage(contents, { now: NOW, policy: { site: 'demo', version: 1, digest: 'a'.repeat(128), pinned: true }, program: '1.0.0' })
}

/** Elements that never have an end. */
const VOID = new Set(['meta', 'br'])

/** Every tag of a page is one that we write, ends where it should, and carries no attribute that loads or runs something. */
function assertPlainPage(text: string): void {
  const open: string[] = []
  const tags = new Set<string>()
  for (const [tag, end, name = '', attributes = ''] of text.replace(/^<!DOCTYPE html>/, '').matchAll(/<(\/?)([A-Za-z][A-Za-z0-9]*)([^>]*)>/g)) {
    tags.add(name)
    assert.match(attributes, /^(?: (?:lang|class|charset|http-equiv|name|content)="[^"<>]*")*$/, tag)
    if (VOID.has(name)) continue
    if (end === '') open.push(name)
    else assert.equal(open.pop(), name, tag)
  }
  assert.deepEqual(open, [])
  const known = ['html', 'head', 'meta', 'title', 'style', 'body', 'p', 'h1', 'h2', 'h3', 'dl', 'dt', 'dd', 'br', 'code', 'table', 'thead', 'tbody', 'tr', 'th', 'td', 'section', 'span', 'ul', 'li']
  assert.deepEqual([...tags].filter((tag) => !known.includes(tag)), [])
  assert.doesNotMatch(/<style>([\s\S]*?)<\/style>/.exec(text)?.[1] ?? '', /url\(|@import|expression/)
}

test('the page is one file: no scripts, nothing loaded, whatever a bundle says is text', async () => {
  for (const text of [page, await render(old)]) assertPlainPage(text)
  assert.match(page, /default-src 'none'; style-src 'unsafe-inline'/)
  assert.ok(page.includes('&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=https://example.org/x onerror=&quot;x&quot;&gt;'))
  assert.ok(page.includes('&lt;b&gt;Alice&lt;/b&gt;'))
  assert.ok(page.includes('\\u{202e}'))
  assert.equal(page.includes('\u202e'), false)
  assert.equal(html`<p>${'<'}${[html`<b>${'&'}</b>`]}</p>`.text, '<p>&lt;<b>&amp;</b></p>')
})

test('it says who signed, what changed, what is open and what is in it, in this order', async () => {
  const bundle = await workshop.opened(now)
  const titles = [...page.matchAll(/<h2>(.*?)<\/h2>/g)].map((match) => match[1])
  assert.deepEqual(titles, [
    'At a glance',
    'Who signed',
    'What changed since sample 1.0.0',
    'What is open',
    'What is in it',
    'Ports, callers, accounts and privileges',
    'Appendix: all other changes',
    'Appendix: vulnerabilities settled by a statement',
    'Appendix: files of images that no package owns',
    'Appendix: packages',
  ])
  assert.equal(page.split('<p class="marking">UNCLASSIFIED</p>').length - 1, 2)
  assert.match(page, /@top-center { content: "UNCLASSIFIED"; font-weight: bold }/)
  assert.ok(styleOf('</style><b>"').text.includes('content: "\\3c /style\\3e \\3c b\\3e \\22 "'))
  assert.ok(page.includes(bundle.digest.match(/.{1,8}/g)?.join(' ') ?? 'no'))
  assert.match(page, /Alice Example<\/td><td>publisher/)
  assert.match(page, /443\/tcp https on the host’s address, TLS ends in the service<\/td><td>8443\/tcp/)
  assert.match(page, /CVE-2026-10006<\/td><td>deb extra 3<\/td><td>medium<\/td><td>no fix known/)
  assert.match(page, /UNDETERMINED/)
  assert.match(page, /Run it as the user app only\./)
  assert.match(page, /debian of 2026-11-20 \(7 records\)/)
  assert.match(page, /CVE-2026-10004<\/td><td>deb lib 2\.0-1<\/td><td>vulnerable_code_not_in_execute_path\. Nothing here calls the division\./)
  assert.match(page, /\/etc\/app\.conf sha512 [0-9a-f]{16}…/)
  const bare = await render(old)
  assert.match(bare, /no data in the bundle: nothing is known, which is not the same as none/)
  assert.doesNotMatch(bare, /What changed since/)
})

test('the same contents at the same time give the same page', async () => {
  assert.equal(await render(now, old), page)
})

test('sallyport report writes the page once, and only of bundles that the policy accepts', async () => {
  const file = join(workshop.folder, 'report.html')
  const policy = ['--policy', await workshop.policyFile()]
  const run = (...words: string[]): { status: number | null; stdout: string; stderr: string } => spawnSync(process.execPath, [MAIN, 'report', now, ...policy, '-o', file, ...words], { encoding: 'utf8', env: { ...process.env, NODE_NO_WARNINGS: '1' } })
  const made = run('--since', old)
  assert.equal(made.status, 0, made.stderr)
  assert.match(made.stdout, /2 known vulnerabilities are open/)
  const text = readFileSync(file, 'utf8')
  assertPlainPage(text)
  assert.match(text, /TAKEN AS IT WAS: its digest was not given/)
  assert.equal(run().status, 7)
  assert.equal(readFileSync(file, 'utf8'), text)
})
