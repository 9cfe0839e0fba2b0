import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, test } from 'node:test'
import { Fault } from '../../src/bundle/fault.ts'
import { raiseLimits, WATCHES_WANTED } from '../../src/lab/kernel.ts'
import { labList, labUp, splitWords, type Lab } from '../../src/lab/lab.ts'
import { locked } from '../../src/lab/lock.ts'
import { program } from '../../src/lab/program.ts'
import { translate, upstreamSources } from '../../src/lab/upstream.ts'

const environment = { ...process.env }
afterEach(() => {
  for (const name of ['PATH', 'APT_CONFIG']) {
    if (environment[name] === undefined) delete process.env[name]
    else process.env[name] = environment[name]
  }
})

const coded = (code: string) => (error: unknown) => error instanceof Fault && error.code === code

test('a limit of the machine that hosts need is raised, said, and never lowered', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'limits-'))
  try {
    const file = join(folder, 'max_user_instances')
    const said: string[] = []
    await writeFile(file, '128\n')
    await raiseLimits((line) => said.push(line), file)
    assert.equal((await readFile(file, 'utf8')).trim(), String(WATCHES_WANTED))
    assert.match(said.join(), /from 128 to/)
    await writeFile(file, '100000\n')
    await raiseLimits((line) => said.push(line), file)
    assert.equal((await readFile(file, 'utf8')).trim(), '100000')
    assert.equal(said.length, 1)
    await writeFile(file, '128\n')
    await assert.rejects(raiseLimits(() => undefined, `${folder}/none`), /ENOENT/)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

test('E_LAB_NAME names what is wrong with name and number at once', async () => {
  await assert.rejects(labUp({ name: 'No Such/../Name', hosts: 14 }), (error) => {
    assert.ok(coded('E_LAB_NAME')(error))
    assert.equal((error as Fault).detail.faults?.length, 2)
    return true
  })
  for (const hosts of [0, 1.5, Number.NaN]) await assert.rejects(labUp({ name: 'x', hosts }), coded('E_LAB_NAME'))
})

test('E_LAB_MOUNT for a folder that is not there, a relative path or a colon', async () => {
  const mounts = ['/no/such/folder', 'tmp', '/tmp:x'].map((from) => ({ from, to: '/mnt', readOnly: true }))
  await assert.rejects(labUp({ name: 'x', hosts: 1, mounts }), (error) => {
    assert.equal((error as Fault).detail.faults?.length, 3)
    return coded('E_LAB_MOUNT')(error)
  })
})

test('E_LAB_MACHINE names every missing program and the packages to install', async () => {
  process.env['PATH'] = '/nonexistent'
  await assert.rejects(labList(), (error) => {
    assert.ok(coded('E_LAB_MACHINE')(error))
    const { faults = [], next = '' } = (error as Fault).detail
    assert.ok(faults.some((line) => line.includes('systemd-nspawn') && line.includes('systemd-container')))
    assert.match(next, /apt-get install .*mmdebstrap.*nftables/)
    return true
  })
})

test('E_LAB_PROGRAM carries what the program said', async () => {
  await assert.rejects(program('sh', ['-c', 'echo no such luck >&2; exit 3']), (error) => {
    assert.equal((error as Fault).detail.found, 'no such luck')
    return coded('E_LAB_PROGRAM')(error)
  })
})

test('E_LAB_SOURCES when the apt sources of this machine name no mirror', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lab-apt-'))
  try {
    process.env['APT_CONFIG'] = join(folder, 'apt.conf')
    await writeFile(process.env['APT_CONFIG'], 'Dir::Etc::SourceList "/dev/null"; Dir::Etc::SourceParts "/dev/null";\n')
    await assert.rejects(upstreamSources(), coded('E_LAB_SOURCES'))
  } finally {
    await rm(folder, { recursive: true })
  }
})

test("this machine's mirrors are asked for Debian 13, whatever release the machine runs", () => {
  const uris = [
    "'http://mirror.example/debian/dists/bookworm/InRelease' mirror.example_debian_dists_bookworm_InRelease 0 ",
    "'http://mirror.example/debian/dists/bookworm/main/binary-amd64/Packages.xz' x 0 ",
    "'http://mirror.example/debian/dists/bookworm/main/binary-all/Packages.xz' x 0 ",
    "'http://mirror.example/debian/dists/bookworm/contrib/binary-amd64/Packages.xz' x 0 ",
    "'http://mirror.example/debian/dists/bookworm-updates/main/binary-amd64/Packages.xz' x 0 ",
    "'http://mirror.example/debian-security/dists/bookworm-security/main/binary-amd64/Packages.xz' x 0 ",
    "'https://other.example/apt/dists/nodistro/main/binary-amd64/Packages.xz' x 0 ",
  ]
  assert.deepEqual(translate(uris.join('\n'), 'bookworm'), [
    'deb http://mirror.example/debian trixie main',
    'deb http://mirror.example/debian trixie-updates main',
    'deb http://mirror.example/debian-security trixie-security main',
  ])
  assert.deepEqual(translate(uris.slice(4).join('\n'), 'bookworm'), [], 'without the release itself nothing can be made')
})

test('the words of lab ssh: a host if one is named, then one line, or several words kept apart', () => {
  const host = (name: string) => ({ name, address: '', port: 22, user: 'root', hostKeys: [], rootfs: '' }) as const
  const lab = { name: 'x', hosts: [host('h1'), host('h2')] } as unknown as Lab
  const split = (...words: string[]) => {
    const { host: found, line } = splitWords(lab, words)
    return [found.name, line]
  }
  assert.deepEqual(split(), ['h1', undefined])
  assert.deepEqual(split('h2'), ['h2', undefined])
  assert.deepEqual(split('h2', 'ls /; id'), ['h2', 'ls /; id'])
  assert.deepEqual(split('ls', '-l', "it's here"), ['h1', "ls -l 'it'\\''s here'"])
})

test('the lock lets one in at a time, and goes with its holder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lab-lock-'))
  try {
    const file = join(folder, 'sub', 'lock')
    let inside = 0
    const work = async (): Promise<void> => {
      assert.equal((inside += 1), 1)
      await pause(20)
      inside -= 1
    }
    await Promise.all([1, 2, 3].map(() => locked(file, work)))
    await assert.rejects(locked(file, () => Promise.reject(new Error('mine'))), /mine/)
    await locked(file, work)
  } finally {
    await rm(folder, { recursive: true })
  }
})
