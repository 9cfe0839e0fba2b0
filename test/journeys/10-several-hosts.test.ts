import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { parseDocument } from 'yaml'
import { change } from '../../src/demo/enclave.ts'
import { makePassphrase, makeTrust } from '../../src/demo/organisation.ts'
import { placesIn } from '../../src/demo/places.ts'
import { sallyport, succeed, type Ended } from '../../src/demo/sallyport.ts'
import { fingerprint } from '../../src/enclave/remote/host-key.ts'
import { hostNamed, labDown, labList, labPower, labRun, labUp, type Lab } from '../../src/lab/lab.ts'
import { TEST_LAB_PREFIX } from './shared/lab.ts'
import { buildSmall, smallSite } from './shared/several.ts'
import { at } from './shared/workshop.ts'
import { assertUnchanged } from './shared/unchanged.ts'

const NAME = `${TEST_LAB_PREFIX}several`
const PLACES = placesIn(at('several'))
const UNPLUGGED_MS = 20_000
/** What a release of this journey leaves on each host, to see which one a host has. */
const MARK = `- name: Mark of the release
  ansible.builtin.copy:
    content: "{{ sallyport_release.version }}"
    dest: /etc/sallyport/mark
    mode: "0644"
`

describe('one engine on the depot works on several hosts, and keeps no key to them', () => {
  let lab: Lab
  const say = (line: string): void => console.log(`    ${line}`)

  before(async () => {
    await rm(PLACES.folder, { recursive: true, force: true })
    mkdirSync(PLACES.folder, { recursive: true })
    if ((await labList()).some((one) => one.name === NAME)) await labDown(NAME)
    const passphrase = await makePassphrase(PLACES)
    const { policyDigest } = await makeTrust(PLACES)
    await buildSmall(PLACES, { version: '1.0.0', sequence: 100, tasks: MARK })
    await buildSmall(PLACES, { version: '1.1.0', sequence: 110, tasks: MARK })
    lab = await labUp({ name: NAME, hosts: 3 })
    await smallSite(PLACES, lab, passphrase, policyDigest)
  })

  after(async () => {
    if ((await labList()).some((one) => one.name === NAME)) await labDown(NAME)
  })

  async function on(host: string, line: string): Promise<string> {
    const { code, stdout, stderr } = await labRun(lab, hostNamed(lab, host), line)
    assert.equal(code, 0, `${host}: ${line}\n${stdout}${stderr}`)
    return stdout.trim()
  }

  const sql = (text: string): Promise<string> => on('h2', `podman exec postgresql psql -qAt -d journey -c "${text}"`)
  const marks = async (): Promise<string[]> => Promise.all(['h1', 'h2', 'h3'].map((host) => on(host, 'cat /etc/sallyport/mark')))

  async function runs(): Promise<string> {
    const { result } = await succeed(['status', '--site', PLACES.site])
    return (result as { running: { version: string } }).running.version
  }

  test('a third host is added by the fingerprint its administrator reads, and not by another', async () => {
    const host = hostNamed(lab, 'h3')
    const add = (print: string): Promise<Ended> => sallyport(['host', 'add', `h3=${host.address}`, '--site', PLACES.site, '--host-key', print])
    const wrong = await add(fingerprint(hostNamed(lab, 'h2').hostKeys[0] ?? ''))
    assert.equal(wrong.error?.code, 'E_HOST_KEY_UNCONFIRMED', wrong.stderr)
    const right = await add(fingerprint(host.hostKeys[0] ?? ''))
    assert.equal(right.exit, 0, right.stderr)
    assert.match(await on('h3', 'sshd -T -C user=root,addr=192.0.2.99,host=x,laddr=x,lport=22'), /^trustedusercakeys none$/m, 'from elsewhere nothing is trusted')
  })

  test('a plan names every host, and what is done where', async () => {
    const { result } = await succeed(['plan', PLACES.bundle('1.0.0'), '--site', PLACES.site])
    const { steps } = result as { steps: { id: string; host: string }[] }
    const hosts = Object.fromEntries(steps.map(({ id, host }) => [id, host]))
    assert.deepEqual([hosts['upload-bundle'], hosts['hosts'], hosts['converge']], ['h1', 'h2, h3', 'every host'])
    assert.ok(steps.findIndex(({ id }) => id === 'authorise') < steps.findIndex(({ id }) => id === 'check'))
  })

  test('three hosts are installed although the station is killed and gone from the network', async () => {
    await handOverAndDie()
    const link = execFileSync('ip', ['-oneline', '-4', 'address', 'show', 'dev', lab.bridge], { encoding: 'utf8' })
    const address = /inet (\S+)/.exec(link)?.[1]
    assert.ok(address)
    execFileSync('ip', ['address', 'del', address, 'dev', lab.bridge])
    try {
      await pause(UNPLUGGED_MS)
    } finally {
      execFileSync('ip', ['address', 'add', address, 'dev', lab.bridge])
    }
    const ended = await change('install', PLACES, PLACES.bundle('1.0.0'), { onLine: say })
    assert.equal(ended.exit, 0, ended.stderr)
    assert.deepEqual(await marks(), ['1.0.0', '1.0.0', '1.0.0'])
    await sql('CREATE TABLE kept (release text)')
    await sql("INSERT INTO kept VALUES ('1.0.0')")
  })

  test('no key, no agent and no open connection is left on the depot', async () => {
    assert.equal(await on('h1', 'ls -d /run/sallyport-agent-* 2>/dev/null; pgrep -x ssh-agent; pgrep -x ssh; true'), '')
    assert.equal(await on('h1', 'grep -rl --exclude-dir=credentials "PRIVATE KEY" /root /var/lib/sallyport/journal /run 2>/dev/null; true'), '')
    const log = await on('h2', 'journalctl --unit=ssh --output=cat --no-pager')
    assert.match(log, /ECDSA-CERT \S+ ID sallyport plan [0-9a-f]{128} /)
  })

  test('the depot gives packages and images to hosts alone, and says whom it refused', async () => {
    const ask = (path: string, certificate: string): Promise<string> =>
      on(
        'h2',
        `cd /etc/sallyport/pki && printf 'GET ${path} HTTP/1.0\\r\\nHost: depot.enclave.example\\r\\n\\r\\n' | ` +
          `timeout 20 openssl s_client -quiet -connect depot.enclave.example:8443 -servername depot.enclave.example -CAfile ca.pem -verify_return_error ` +
          `${certificate === '' ? '' : `-cert ${certificate}/cert.pem -key ${certificate}/key.pem`} 2>/dev/null | head -n 1 | cut -d ' ' -f 2`,
      )
    for (const path of ['/apt/dists/trixie/InRelease', '/v2/']) {
      assert.equal(await ask(path, 'host'), '200', path)
      assert.equal(await ask(path, 'postgresql'), '403', path)
      assert.equal(await ask(path, ''), '403', path)
    }
    assert.equal(await ask('/files/note.txt', ''), '200', 'other mirrors are for unmodified clients')
    assert.match(await on('h1', 'journalctl --identifier=depot --output=cat --no-pager'), /"CN=postgresql[^"]*" SUCCESS .* 403/)
    assert.equal(await on('h1', 'ps -o user= -C nginx | sort -u'), 'www-data')
  })

  test('a second run changes nothing', async () => {
    let converged = ''
    const onLine = (line: string): void => void (line.startsWith('Converge:') && (converged = line))
    const ended = await change('install', PLACES, PLACES.bundle('1.0.0'), { onLine })
    assert.equal(ended.exit, 0, ended.stderr)
    await assertUnchanged(lab, 'h1', converged)
  })

  test('a database does not move by a line in site.yaml: the plan names it, and nothing begins', async () => {
    const file = join(PLACES.site, 'site.yaml')
    const text = await readFile(file, 'utf8')
    const document = parseDocument(text)
    document.setIn(['hosts', 1, 'roles'], [])
    document.setIn(['hosts', 2, 'roles'], ['postgresql'])
    await writeFile(file, String(document))
    try {
      const ended = await sallyport(['plan', PLACES.bundle('1.0.0'), '--site', PLACES.site])
      assert.equal(ended.error?.code, 'E_PREFLIGHT', ended.stderr)
      assert.match(ended.stderr, /h2: postgresql is here with its data/)
    } finally {
      await writeFile(file, text)
    }
  })

  test('with a host switched off nothing begins, and the host is named', async () => {
    await labPower(NAME, 'h3', 'off')
    const ended = await change('upgrade', PLACES, PLACES.bundle('1.1.0'))
    assert.equal(ended.error?.code, 'E_HOST_UNREACHABLE', ended.stderr)
    assert.match(ended.error?.message ?? '', /h3/)
    const { result } = await succeed(['host', 'list', '--site', PLACES.site])
    assert.deepEqual((result as { name: string; answers: boolean }[]).map(({ name, answers }) => [name, answers]), [['h1', true], ['h2', true], ['h3', false]])
    await labPower(NAME, 'h3', 'on')
  })

  test('a host that loses its power in the middle of an upgrade: what moved is put back, and the host is named', async () => {
    const ended = await upgradeAnd('Back up', () => labPower(NAME, 'h3', 'cut'))
    assert.equal(ended.error?.code, 'E_ROLLED_BACK', ended.stderr)
    assert.match(ended.stderr, /h3/)
    assert.equal(await runs(), '1.0.0')
    assert.equal(await sql('SELECT release FROM kept'), '1.0.0')
    await labPower(NAME, 'h3', 'on')
    assert.deepEqual(await marks(), ['1.0.0', '1.0.0', '1.0.0'])
  })

  test('a depot that loses its power in the middle loses its key: the station signs another, and the upgrade ends', async () => {
    const ended = await upgradeAnd('Prepare the other hosts', async () => {
      await labPower(NAME, 'h1', 'cut')
      await labPower(NAME, 'h1', 'on')
    })
    assert.equal(ended.exit, 0, ended.stderr)
    assert.equal(await runs(), '1.1.0')
    assert.deepEqual(await marks(), ['1.1.0', '1.1.0', '1.1.0'])
    assert.equal(await sql('SELECT release FROM kept'), '1.0.0')
  })

  test('each host remembers the release, so that a depot that lost its memory cannot take the site back', async () => {
    await on('h1', 'mv /var/lib/sallyport-host/floor.json /var/lib/sallyport/state.json /var/tmp/')
    await rm(join(PLACES.site, 'record.json'))
    try {
      const ended = await sallyport(['plan', PLACES.bundle('1.0.0'), '--site', PLACES.site])
      assert.equal(ended.exit, 10, ended.stderr)
    } finally {
      await on('h1', 'mv /var/tmp/floor.json /var/lib/sallyport-host/ && mv /var/tmp/state.json /var/lib/sallyport/')
    }
  })

  test('the operator goes back one release, with the data of the host that has it', async () => {
    await sql("INSERT INTO kept VALUES ('1.1.0')")
    const ended = await sallyport(['rollback', '--site', PLACES.site, '--yes'], { onLine: say })
    assert.equal(ended.exit, 0, ended.stderr)
    assert.equal(await runs(), '1.0.0')
    assert.deepEqual(await marks(), ['1.0.0', '1.0.0', '1.0.0'])
    assert.equal(await sql('SELECT release FROM kept'), '1.0.0')
  })

  /** Upgrades, and does something once a step is done. */
  async function upgradeAnd(step: string, work: () => Promise<void>): Promise<Ended> {
    let done: Promise<void> | undefined
    const onLine = (line: string): void => {
      say(line)
      if (line.startsWith(step)) done ??= work()
    }
    const ended = await change('upgrade', PLACES, PLACES.bundle('1.1.0'), { onLine })
    assert.ok(done, `no step ${step}`)
    await done
    return ended
  }

  /** Starts an installation as an operator would, and kills the station's process once the engine has the plan. */
  async function handOverAndDie(): Promise<void> {
    const bundle = PLACES.bundle('1.0.0')
    const words = ['install', bundle, '--site', PLACES.site, '--yes', '--ca-passphrase-file', PLACES.passphrase, '--json']
    const station = spawn(join(bundle, 'sallyport'), words, { stdio: ['ignore', 'ignore', 'pipe'] })
    const ended = once(station, 'exit')
    let said = ''
    for await (const line of createInterface({ input: station.stderr })) {
      said += `${line}\n`
      const { event, task } = JSON.parse(line) as { event?: string; task?: string }
      if (event === 'done') say(String(task))
      if (event !== 'done' || task !== 'Hand the plan to the engine') continue
      station.kill('SIGKILL')
      await ended
      return
    }
    assert.fail(`the station ended before the engine had the plan:\n${said.slice(-3000)}`)
  }
})
