import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { licencesOfCopyright } from '../../src/connected/licences/debian.ts'
import { mavenLicences, npmLicences, pythonLicences, statedLicences } from '../../src/connected/licences/stated.ts'
import type { LockedItem } from '../../src/connected/sources/source.ts'
import { licenceChoices, spdxOfDebian } from '../../src/evidence/licence.ts'
import { ImageBench } from './images-fixture.ts'

const bench = new ImageBench()
after(() => rmSync(bench.folder, { recursive: true }))

const COPYRIGHT = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: tool

Files: *
Copyright: 2020 Someone
License: GPL-2+
 This program is free software.

Files: lib/*
Copyright: 2020 Another
License: Expat or Artistic

License: LGPL-2.1
 Text that no file refers to here.
`

test('a machine-readable debian/copyright gives the licences of its files; prose gives none', () => {
  assert.deepEqual(licencesOfCopyright(COPYRIGHT), ['Expat or Artistic', 'GPL-2.0-or-later'])
  assert.deepEqual(licencesOfCopyright('This is free software under the GPL.\n'), [])
  assert.equal(spdxOfDebian('GPL-2+ or MPL-2.0'), 'GPL-2.0-or-later OR MPL-2.0')
  assert.equal(spdxOfDebian('LGPL-2.1'), 'LGPL-2.1-only')
  assert.equal(spdxOfDebian('GPL-2 and Expat or ISC'), 'GPL-2 and Expat or ISC')
})

test('ids, expressions and words are told apart, and nothing is guessed', () => {
  const acknowledgement = 'declared'
  assert.deepEqual(licenceChoices(['MIT']), [{ license: { id: 'MIT', acknowledgement } }])
  assert.deepEqual(licenceChoices(['MIT OR Apache-2.0']), [{ expression: 'MIT OR Apache-2.0', acknowledgement }])
  assert.deepEqual(licenceChoices(['The Apache Software License, Version 2.0', 'MIT OR ISC']), [
    { license: { name: 'MIT OR ISC', acknowledgement } },
    { license: { name: 'The Apache Software License, Version 2.0', acknowledgement } },
  ])
  assert.deepEqual(licenceChoices([' ']), [])
})

test('npm, Python and Maven metadata', () => {
  assert.deepEqual(npmLicences('{"license":"MIT"}'), ['MIT'])
  assert.deepEqual(npmLicences('{"licenses":[{"type":"BSD"},{"type":"MIT"}]}'), ['BSD', 'MIT'])
  assert.deepEqual(npmLicences('{}'), [])
  assert.deepEqual(pythonLicences('Name: a\nLicense: Apache 2.0\nLicense-Expression: Apache-2.0\n\nLicense: in the text'), ['Apache-2.0'])
  assert.deepEqual(pythonLicences('Name: a\nLicense: UNKNOWN\nClassifier: License :: OSI Approved :: MIT License\n'), ['MIT License'])
  assert.deepEqual(mavenLicences('<project><!-- <licenses><license><name>No</name></license></licenses> --><licenses><license><name> Apache-2.0\n</name></license></licenses></project>'), ['Apache-2.0'])
})

test('licences are read out of the packages themselves: deb, npm tarball, wheel, jar with its POM', async () => {
  const store = bench.store('one')
  bench.package('tool', { 'usr/bin/tool': 'x'.repeat(5 << 20), 'usr/share/doc/tool/copyright': COPYRIGHT, 'usr/share/zzz': 'y'.repeat(5 << 20) })
  bench.write('npm/package/package.json', '{"name":"n","license":"ISC"}')
  execFileSync('tar', ['-czf', join(bench.folder, 'n.tgz'), '-C', join(bench.folder, 'npm'), 'package'])
  bench.write('wheel/w-1.dist-info/METADATA', 'Name: w\nLicense: BSD-3-Clause\n')
  bench.write('jar/META-INF/maven/org.x/y/pom.xml', '<licenses><license><name>EPL-2.0</name></license></licenses>')
  mkdirSync(join(bench.folder, 'bare'))
  for (const [name, folder] of [['w.whl', 'wheel'], ['y.jar', 'jar'], ['z.jar', 'npm']])
    execFileSync('python3', ['-m', 'zipfile', '-c', join(bench.folder, name ?? ''), ...execFileSync('ls', [join(bench.folder, folder ?? '')], { encoding: 'utf8' }).trim().split('\n').map((one) => join(bench.folder, folder ?? '', one))])
  bench.write('z.pom', '<licenses><license><name>MPL-2.0</name></license></licenses>')
  bench.write('broken.deb', 'no package')
  const item = async (kind: LockedItem['kind'], name: string, file: string): Promise<LockedItem> => ({ kind, name, version: '1', path: file, ...(await store.putFile(join(bench.folder, file))) })
  const items = [
    await item('apt', 'tool', 'tool_1_all.deb'),
    await item('npm', 'n', 'n.tgz'),
    await item('pypi', 'w', 'w.whl'),
    await item('maven', 'org.x:y', 'y.jar'),
    await item('maven', 'org.x:z', 'z.jar'),
    await item('maven', 'org.x:z', 'z.pom'),
    await item('apt', 'broken', 'broken.deb'),
  ]
  const expected = [['Expat or Artistic', 'GPL-2.0-or-later'], ['ISC'], ['BSD-3-Clause'], ['EPL-2.0'], ['MPL-2.0'], ['MPL-2.0'], []]
  const notes = join(store.directory, 'made')
  for (let round = 0; round < 3; round++) {
    // Before the last round every note is spoilt: what it says is no longer what its digest says.
    if (round === 2) for (const name of readdirSync(notes)) writeFileSync(join(notes, name), readFileSync(join(notes, name), 'utf8').replace('[', '["Spoilt",'))
    const stated = await statedLicences(items, store)
    assert.deepEqual(items.map(({ sha256 }) => stated.get(sha256)), expected)
  }
})
