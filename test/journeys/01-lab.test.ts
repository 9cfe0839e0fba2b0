import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { after, before, describe, test } from 'node:test'
import { Fault } from '../../src/bundle/fault.ts'
import {
  hostNamed, labCapture, labDown, labList,
  labPower, labReboot, labRun, labUp, type Lab,
} from '../../src/lab/lab.ts'
import { TEST_LAB_PREFIX, takeDownTestLabs } from './shared/lab.ts'
import { networkOf, survivors, tracesOf } from './shared/traces.ts'

/** The labs of other journeys, which run beside this one, are not touched. */
const OWN = `${TEST_LAB_PREFIX}lab-`
const ONE = `${OWN}one`
const TWO = `${OWN}two`
const coded = (code: string) => (error: unknown) => error instanceof Fault && error.code === code

async function on(lab: Lab, host: string, line: string): Promise<string> {
  const done = await labRun(lab, hostNamed(lab, host), line)
  assert.equal(done.code, 0, `${host}: ${line}: ${done.stdout}${done.stderr}`)
  return done.stdout
}

/** The exit status of a line that is expected to fail. */
async function fails(lab: Lab, host: string, line: string): Promise<void> {
  const done = await labRun(lab, hostNamed(lab, host), line)
  assert.notEqual(done.code, 0, `${host}: ${line} should have failed: ${done.stdout}`)
}

/** The boot id of a host that is rebooting by itself, once it is another than `last`. */
async function nextBoot(lab: Lab, host: string, last: string): Promise<string> {
  for (let tries = 0; tries < 100; tries += 1) {
    const { code, stdout } = await labRun(lab, hostNamed(lab, host), 'cat /proc/sys/kernel/random/boot_id')
    if (code === 0 && stdout !== last) return stdout
    await pause(200)
  }
  throw new Error(`${host} did not boot again`)
}

const opens = (address: string, port: number): string => `timeout 2 bash -c '</dev/tcp/${address}/${port}'`

describe('labs of disposable disconnected hosts', () => {
  let shown: string
  let one: Lab
  let two: Lab

  before(async () => {
    await takeDownTestLabs(OWN)
    shown = mkdtempSync(join(tmpdir(), 'lab-shown-'))
    writeFileSync(join(shown, 'note.txt'), 'from this machine\n')
    const mounts = [{ from: shown, to: '/media/disc', readOnly: true }]
    ;[one, two] = await Promise.all([labUp({ name: ONE, hosts: 2, mounts }), labUp({ name: TWO, hosts: 1 })])
  })

  after(async () => {
    await takeDownTestLabs(OWN)
    rmSync(shown, { recursive: true, force: true })
  })

  test('two labs made at the same moment share nothing', () => {
    assert.notEqual(one.block, two.block)
    assert.notEqual(one.bridge, two.bridge)
    const addresses = [...one.hosts, ...two.hosts].map((host) => host.address)
    assert.equal(new Set(addresses).size, 3)
    const keys = [...one.hosts, ...two.hosts].flatMap((host) => host.hostKeys)
    assert.equal(new Set(keys).size, 6)
    assert.notEqual(readFileSync(one.identity, 'utf8'), readFileSync(two.identity, 'utf8'))
  })

  test('a host is a Debian 13 with systemd that booted without a fault, and has nothing a bundle brings', async () => {
    assert.match(await on(one, 'h1', 'cat /etc/os-release'), /VERSION_CODENAME=trixie/)
    assert.equal(await on(one, 'h1', 'systemctl is-system-running --wait'), 'running')
    assert.equal(await on(one, 'h1', 'hostname'), 'h1')
    assert.equal(await on(one, 'h1', "find /etc/apt/sources.list* -type f; cat /etc/apt/sources.list.d/* 2>/dev/null || true"), '')
    for (const program of ['podman', 'nginx', 'ansible', 'python3', 'skopeo']) await fails(one, 'h1', `command -v ${program}`)
    const ids = await Promise.all([on(one, 'h1', 'cat /etc/machine-id'), on(one, 'h2', 'cat /etc/machine-id')])
    assert.notEqual(ids[0], ids[1])
  })

  test('units of two hosts with the same name are not the same processes', async () => {
    const listed = await Promise.all(
      [on(one, 'h1', 'cat /sys/fs/cgroup/system.slice/ssh.service/cgroup.procs'), on(one, 'h2', 'true')],
    )
    assert.doesNotMatch(listed[0], /^0$/m, 'a process of another host would be listed as 0')
    await on(one, 'h1', 'systemctl kill --signal=KILL console-getty.service; systemctl stop console-getty.service')
    assert.equal(await on(one, 'h2', 'systemctl is-active console-getty.service'), 'active')
  })

  test('a folder of this machine is shown read-only', async () => {
    assert.equal(await on(one, 'h2', 'cat /media/disc/note.txt'), 'from this machine')
    await fails(one, 'h2', 'touch /media/disc/x')
  })

  test('a host reaches its own lab and no other place, also when its root gives it routes', async () => {
    const [h1, h2] = [hostNamed(one, 'h1').address, hostNamed(one, 'h2').address]
    const other = hostNamed(two, 'h1').address
    const server = createServer((socket) => socket.end())
    server.listen(0, '0.0.0.0')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    try {
      assert.equal(await on(one, 'h1', 'ip route show default; ip -6 route show default'), '')
      await on(one, 'h1', opens(h2, 22))
      await fails(one, 'h1', opens(other, 22))
      await fails(one, 'h1', opens(one.station, port))
      await fails(one, 'h1', `ping -c 1 -W 1 ${one.station}`)
      // Only the lab's own bridges, so that nothing but its rules stands between it and the world.
      for (const { bridge } of [one, two]) writeFileSync(`/proc/sys/net/ipv4/conf/${bridge}/forwarding`, '1')
      await on(one, 'h1', `ip route add default via ${one.station}`)
      await on(two, 'h1', `ip route add default via ${two.station}`)
      const there = await labCapture(two)
      await fails(one, 'h1', opens(other, 22))
      await fails(one, 'h1', `ping -c 1 -W 1 ${other}`)
      await fails(one, 'h1', opens(two.station, port))
      const packets = await there.stop()
      assert.deepEqual(packets.elsewhere, {}, `nothing from ${h1} may arrive in the other lab`)
    } finally {
      await on(one, 'h1', 'ip route flush default')
      await on(two, 'h1', 'ip route flush default')
      server.close()
    }
  })

  test('a recording shows what hosts say: to each other, to their link, and to any other place', async () => {
    const h2 = hostNamed(one, 'h2').address
    const quiet = await labCapture(one)
    await on(one, 'h1', opens(h2, 22))
    const calm = await quiet.stop()
    assert.ok(calm.inside > 10, 'also frames between two hosts are seen')
    assert.deepEqual(calm.elsewhere, {})
    assert.deepEqual(calm.refusedInHost, { h1: 0, h2: 0 })

    const loud = await labCapture(one)
    await fails(one, 'h1', opens('203.0.113.254', 80))
    await on(one, 'h2', `ip route add 203.0.113.254 via ${one.station}`)
    await fails(one, 'h2', opens('203.0.113.254', 80))
    await on(one, 'h2', 'ip route del 203.0.113.254')
    const reached = await loud.stop()
    assert.ok((reached.refusedInHost['h1'] ?? 0) >= 1, 'what had no route is counted by the host itself')
    assert.ok((reached.elsewhere[`TCP ${h2} → 203.0.113.254`] ?? 0) >= 1)
  })

  test('E_LAB_CAPTURE when there is nothing to record on', async () => {
    await assert.rejects(labCapture({ ...one, bridge: 'slp-none' }), coded('E_LAB_CAPTURE'))
  })

  test('a host comes back from a reboot from outside and from inside, with its files and its address', async () => {
    await on(one, 'h1', 'echo kept >/var/tmp/kept; sync')
    const boots = [await on(one, 'h1', 'cat /proc/sys/kernel/random/boot_id')]
    await labReboot(ONE, 'h1')
    boots.push(await on(one, 'h1', 'cat /proc/sys/kernel/random/boot_id'))
    await labRun(one, hostNamed(one, 'h1'), 'systemctl reboot')
    boots.push(await nextBoot(one, 'h1', boots[1] ?? ''))
    await on(one, 'h1', 'systemctl is-system-running --wait')
    assert.equal(await on(one, 'h1', 'cat /var/tmp/kept'), 'kept')
    assert.equal(new Set(boots).size, 3, `three boots: ${boots.join(' ')}`)
  })

  test('a host can be powered off, have its power cut, and be powered on', async () => {
    for (const how of ['off', 'cut'] as const) {
      await labPower(ONE, 'h2', how)
      const [listed] = (await labList()).filter((lab) => lab.name === ONE)
      assert.deepEqual(listed?.power, { h1: 'on', h2: 'off' })
      await labPower(ONE, 'h2', 'on')
      await on(one, 'h2', 'systemctl is-system-running --wait')
    }
  })

  test('a host without power says nothing: nobody is told that a connection ended, and nobody is refused', async () => {
    const { address } = hostNamed(one, 'h2')
    const open = connect({ host: address, port: 22 })
    const heard: string[] = []
    await once(open, 'data')
    for (const event of ['end', 'error', 'close']) open.on(event, () => heard.push(event))
    await labPower(ONE, 'h2', 'cut')
    await pause(1500)
    const later = connect({ host: address, port: 22, timeout: 1500 })
    const answer = await Promise.race([once(later, 'connect').then(() => 'connected'), once(later, 'timeout').then(() => 'silence')]).catch((error: unknown) => (error as NodeJS.ErrnoException).code)
    assert.ok(answer === 'silence' || answer === 'EHOSTUNREACH', String(answer))
    assert.deepEqual(heard, [])
    for (const socket of [open, later]) socket.destroy()
    await labPower(ONE, 'h2', 'on')
  })

  test('a host whose nspawn was killed is listed as crashed, the rest of its lab goes on, and it can be powered on', async () => {
    const h2 = hostNamed(one, 'h2')
    const pids = tracesOf(ONE).filter((trace) => trace.includes(`--directory=${h2.rootfs} `))
    assert.equal(pids.length, 2, 'nspawn and its supervisor')
    for (const trace of pids) kill(Number(trace.split(' ')[1]))
    await pause(500)
    const [listed] = (await labList()).filter((lab) => lab.name === ONE)
    assert.deepEqual(listed?.power, { h1: 'on', h2: 'crashed' })
    await labPower(ONE, 'h2', 'on')
    assert.equal(await on(one, 'h2', 'systemctl is-system-running --wait'), 'running')
  })

  test('E_LAB_EXISTS, E_LAB_UNKNOWN: names are checked before anything is made', async () => {
    await assert.rejects(labUp({ name: ONE, hosts: 1 }), coded('E_LAB_EXISTS'))
    await assert.rejects(labDown(`${OWN}none`), coded('E_LAB_UNKNOWN'))
    await assert.rejects(labReboot(ONE, 'h9'), coded('E_LAB_UNKNOWN'))
  })

  test('E_LAB_BOOT names the console of a host that cannot start', async () => {
    await labPower(TWO, 'h1', 'cut')
    rmSync(join(hostNamed(two, 'h1').rootfs, 'usr/lib/systemd/systemd'))
    await assert.rejects(labPower(TWO, 'h1', 'on'), (error) => {
      assert.match((error as Fault).detail.found ?? '', /console/)
      return coded('E_LAB_BOOT')(error)
    })
  })

  test('E_LAB_ROOTFS leaves nothing half made', async () => {
    const name = `${OWN}rootfs`
    const codename = /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1]
    writeFileSync(join(shown, 'sources.list'), `deb file:${shown}/no-mirror ${codename} main\n`)
    writeFileSync(join(shown, 'apt.conf'), `Dir::Etc::SourceList "${shown}/sources.list"; Dir::Etc::SourceParts "/dev/null";\n`)
    const before = { ...process.env }
    process.env['APT_CONFIG'] = join(shown, 'apt.conf')
    process.env['SALLYPORT_CACHE'] = join(shown, 'cache')
    try {
      await assert.rejects(labUp({ name, hosts: 1 }), (error) => {
        assert.match((error as Fault).detail.found ?? '', /no-mirror/)
        return coded('E_LAB_ROOTFS')(error)
      })
    } finally {
      process.env = before
    }
    assert.deepEqual(readdirSync(join(shown, 'cache/lab')).filter((entry) => !entry.endsWith('.lock')), [])
    assert.deepEqual(tracesOf(name), [])
  })

  test('down leaves nothing: no process, network, link, rule, mount, control group or file', async () => {
    const networks = [networkOf(ONE, 'h1'), networkOf(ONE, 'h2')]
    const there = tracesOf(ONE, one.block, networks)
    for (const kind of ['process', 'link', 'rules', 'mount', 'group', 'file'])
      assert.ok(there.some((trace) => trace.startsWith(kind)), `the listing sees each ${kind} of a lab that is there`)
    await labDown(ONE)
    assert.deepEqual([...survivors(there), ...tracesOf(ONE, one.block)], [])
  })
})

describe('what a crash leaves is cleared by the next lab command', () => {
  after(() => takeDownTestLabs(OWN))

  test('a lab whose only host was killed, supervisor and all', async () => {
    const name = `${OWN}killed`
    const lab = await labUp({ name, hosts: 1 })
    const there = tracesOf(name, lab.block, [networkOf(name, 'h1')])
    const pids = there.flatMap((trace) => /^process (\d+)/.exec(trace)?.[1] ?? [])
    assert.ok(pids.length > 5)
    for (const pid of pids) kill(Number(pid))
    assert.ok(!(await labList()).some((listed) => listed.name === name))
    assert.deepEqual([...survivors(there), ...tracesOf(name, lab.block)], [])
  })

  for (const at of ['take an address block', 'copy the file system', 'boot'])
    test(`a lab whose maker was killed at "${at}"`, async () => {
      const name = `${OWN}half`
      const script = `import { labUp } from ${JSON.stringify(new URL('../../src/lab/lab.ts', import.meta.url).href)}
        await labUp({ name: ${JSON.stringify(name)}, hosts: 2, progress: ({ note }) => console.log(note) })`
      const maker = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
      const ended = once(maker, 'exit')
      for await (const chunk of maker.stdout) if (String(chunk).includes(at)) maker.kill('SIGKILL')
      assert.deepEqual(await ended, [null, 'SIGKILL'])
      assert.ok(!(await labList()).some((listed) => listed.name === name))
      assert.deepEqual(tracesOf(name), [])
    })

  test('an interrupted command clears its own half', async () => {
    const name = `${OWN}stopped`
    const stop = new AbortController()
    const making = labUp({
      name,
      hosts: 1,
      signal: stop.signal,
      progress: ({ note }) => note === 'boot' && stop.abort(new Error('interrupted')),
    })
    await assert.rejects(making, /interrupted/)
    assert.deepEqual(tracesOf(name), [])
  })
})

/** A process may have ended with another one that was killed first. */
function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ESRCH')
  }
}
