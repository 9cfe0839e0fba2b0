import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { annotations, answersWithin, onHost } from './shared/enclave.ts'
import { installedMesh, type InstalledMesh } from './shared/installed-mesh.ts'
import { certificateFor } from './shared/mutual-tls.ts'
import { sessionAt, writeAndRead, writesWithin } from './shared/postgresql.ts'

const MINUTE = 60
const DAY = 86_400
const BACK_WITHIN_S = 180
const BACKUP = 'journey-15'

/** The role's task file by itself, with the variables of the last convergence. */
const role = (...files: string[]): string =>
  [
    'cd /var/lib/sallyport/current/iac/ansible',
    'J=$(dirname "$(ls -t /var/lib/sallyport/journal/*/variables-site.json | head -1)")',
    ...files.map((file) => {
      const play = `[{hosts: postgresql, gather_facts: false, tasks: [{include_role: {name: postgresql, tasks_from: ${file}}}]}]`
      const words = `-i $J/inventory.json -e @group_vars/all/services.json -e @$J/variables-site.json -e sallyport_backup_id=${BACKUP}`
      return `echo '${play}' >/var/tmp/${BACKUP}.yml; ANSIBLE_ROLES_PATH=$PWD/roles ansible-playbook ${words} /var/tmp/${BACKUP}.yml >/var/tmp/${BACKUP}.log 2>&1 || { tail -40 /var/tmp/${BACKUP}.log; exit 1; }`
    }),
    `tail -4 /var/tmp/${BACKUP}.log`,
  ].join('\n')

describe('the database lets nobody stay who may no longer come, and comes back from whatever is done to it', () => {
  let mesh: InstalledMesh
  let at = ''

  const host = (line: string): Promise<string> => onHost(mesh.lab, line)

  before(async () => {
    mesh = await installedMesh()
    at = mesh.hosts.find(({ roles }) => roles.includes('postgresql'))?.name ?? ''
    await answersWithin(BACK_WITHIN_S)
    await writesWithin(mesh, at, 'first', BACK_WITHIN_S)
  })

  after(async () => {
    const client = await sessionAt(mesh, at)
    await client.query('DROP TABLE IF EXISTS journey_rows')
    await client.end()
    await host(`rm -rf /var/backups/sallyport/${BACKUP} /var/tmp/${BACKUP}.*`)
  })

  test('a second run of the role changes nothing', async () => {
    assert.match(await host(role('main')), /changed=0 .*failed=0/)
  })

  test('an open session ends within a minute of the revocation of its certificate, also within a transaction', async () => {
    const identity = await certificateFor(mesh, 'control-plane')
    const client = await sessionAt(mesh, at, identity)
    await client.query('BEGIN')
    const { serialNumber } = new X509Certificate(identity.certificate)
    const started = performance.now()
    await mesh.revoke([serialNumber])
    const passed = (): number => (performance.now() - started) / 1000
    const alive = async (): Promise<boolean> => client.query('SELECT 1').then(() => true, () => false)
    while ((await alive()) && passed() < MINUTE) await pause(500)
    console.log(`    ended ${passed().toFixed(1)} s after it was asked for`)
    assert.ok(passed() < MINUTE)
    await assert.rejects(sessionAt(mesh, at, identity))
    await client.end().catch(() => undefined)
  })

  test('an idle session ends within a minute, for its certificate may have expired', async () => {
    const client = await sessionAt(mesh, at)
    const ended = new Promise<number>((resolve) => client.once('end', () => resolve(performance.now())))
    const started = performance.now()
    const passed = ((await Promise.race([ended, pause(MINUTE * 1000 + 5000, Number.POSITIVE_INFINITY)])) - started) / 1000
    console.log(`    ended after ${passed.toFixed(1)} s`)
    assert.ok(passed > 40 && passed < MINUTE, `${passed} s`)
  })

  test('a session that never pauses ends within a minute of the end of its certificate', async () => {
    const identity = await certificateFor(mesh, 'control-plane', { days: 45 / DAY })
    const { serialNumber, validToDate } = new X509Certificate(identity.certificate)
    // What the engine writes for certificates that it hands over.
    const end = { serial: serialNumber.toLowerCase(), decimal: String(BigInt(`0x${serialNumber}`)), notAfter: validToDate.toISOString() }
    const [file, line] = ['/etc/sallyport/pki/ends.json', JSON.stringify(end)]
    assert.match(await host(`cat ${file}`), /"decimal":/, 'the ends of the site’s own certificates are known')
    await host(`sed -i 's|^{"ends": \\[$|&\\n${line},|' ${file}`)
    const client = await sessionAt(mesh, at, identity)
    let reason = ''
    const alive = async (): Promise<boolean> =>
      client.query('SELECT 1').then(
        () => true,
        (error: Error) => {
          reason = error.message
          return false
        },
      )
    while ((await alive()) && Date.now() < validToDate.getTime() + MINUTE * 1000) await pause(50)
    const late = (Date.now() - validToDate.getTime()) / 1000
    console.log(`    ended ${late.toFixed(1)} s after its certificate`)
    assert.ok(late > 0 && late < MINUTE, `${late} s: ${reason}`)
    assert.match(await host('journalctl --unit postgresql.service --since -2min --output cat --no-pager'), /ended session \d+ of control_plane: its certificate has ended/)
  })

  test('refusals are logged with who it was, statements and their values never are', async () => {
    const since = (await host('date +%s')).trim()
    const client = await sessionAt(mesh, at)
    await assert.rejects(client.query("SELECT 'betrayed-by-a-log'::int"))
    await client.end()
    await assert.rejects(sessionAt(mesh, at, await certificateFor(mesh, 'prometheus')))
    const log = await host(`journalctl --unit postgresql.service --since @${since} --output cat --no-pager`)
    assert.match(log, /connection authenticated: identity="CN=prometheus".*\n(?:.*\n)*?.*FATAL: {2}certificate authentication failed for user "control_plane"/)
    assert.doesNotMatch(log, /betrayed/)
  })

  test('a killed server comes back', async () => {
    await host('podman kill --signal KILL postgresql')
    const seconds = await writesWithin(mesh, at, 'after the kill', BACK_WITHIN_S)
    console.log(`    writes after ${seconds.toFixed(1)} s`)
    await answersWithin(BACK_WITHIN_S)
  })

  test('its data is destroyed, and restored from the backup', async () => {
    const rows = await annotations()
    const written = await writeAndRead(mesh, at, 'in the backup')
    await host('systemctl stop control-plane.service keycloak.service')
    try {
      const begun = Number(await host('date +%s'))
      await host(role('backup'))
      const told = await host('systemctl start sallyport-observe.service; cat /var/lib/sallyport/metrics/*.prom')
      const [, made] = /^sallyport_backup_timestamp_seconds\{service="postgresql"\} (\d+)$/m.exec(told) ?? []
      assert.ok(Number(made) >= begun, `${made} ${told}`)
      assert.equal((await writeAndRead(mesh, at, 'after the backup')).length, written.length + 1)
      await host('rm -rf /srv/sallyport/postgresql/17')
      const started = performance.now()
      await host(role('main', 'restore'))
      console.log(`    made anew and restored in ${((performance.now() - started) / 1000).toFixed(0)} s`)
      assert.deepEqual(await writeAndRead(mesh, at, 'after the restore'), [...written, 'after the restore'])
    } finally {
      await host('systemctl start keycloak.service control-plane.service')
    }
    await answersWithin(BACK_WITHIN_S)
    assert.equal(await annotations(), rows)
    await host(role('health'))
  })

  test('a backup that was changed is refused, and nothing is restored', async () => {
    await host(`printf x >>/var/backups/sallyport/${BACKUP}/postgresql/mesh.dump`)
    const said = await host(`(${role('restore')}) && exit 1 || true`)
    assert.match(said, /is not what the manifest says[\s\S]*Nothing was restored/)
    assert.ok((await writeAndRead(mesh, at, 'untouched')).includes('after the restore'))
  })
})
