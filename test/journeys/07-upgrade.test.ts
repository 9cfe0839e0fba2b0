import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { change } from '../../src/demo/enclave.ts'
import { sallyport, succeed } from '../../src/demo/sallyport.ts'
import type { World } from '../../src/demo/steps.ts'
import { labReboot, type Lab } from '../../src/lab/lab.ts'
import { ENCLAVE, PLACES, annotations, answersWithin, installed, onHost, smallMesh, step } from './shared/enclave.ts'
import { at } from './shared/workshop.ts'

const REBOOT_LIMIT_S = 240

describe('an upgrade finishes, or leaves the old version running, and says which', () => {
  let world: World
  let lab: Lab
  let rows = 0
  let first: Awaited<ReturnType<typeof engines>>

  before(async () => {
    ;({ world, lab } = await installed())
    rows = await annotations()
  })

  const sign = (bundle: string) => succeed(['sign', bundle, '--key', PLACES.publisher, '--passphrase-file', PLACES.passphrase])
  const runs = async (): Promise<string> => {
    const { result } = await succeed(['status', '--site', PLACES.site])
    return (result as { running: { version: string } }).running.version
  }

  const sql = (database: string, query: string): Promise<string> => onHost(lab, `podman exec postgresql psql --no-psqlrc -tA -d ${database} -c "${query}"`)
  const python = (url: string): Promise<string> => onHost(lab, `python3 -c "import urllib.request as u; print(u.urlopen('${url}').read().decode())"`)

  /** What the control plane says of its health. On a busy machine one of what it depends on may answer it late for a moment. */
  async function wellWithin(seconds: number): Promise<string> {
    const until = performance.now() + seconds * 1000
    for (;;) {
      const said = await python('http://127.0.0.1:18081/v1/health').catch((error: Error) => error)
      if (typeof said === 'string') return said
      if (performance.now() > until) throw said
      await pause(1000)
    }
  }

  /** Versions of the two engines that 1.1.0 brings anew, and what they hold. */
  async function engines(): Promise<{ keycloak: string; registry: string; person: string; schemas: string }> {
    const keycloak = await onHost(lab, 'podman exec keycloak ls /opt/keycloak/lib/lib/main')
    const registry = JSON.parse(await python('http://127.0.0.1:18446/apis/registry/v3/system/info')) as { version: string }
    return {
      keycloak: /keycloak-core-([\d.]+)\.jar/.exec(keycloak)?.[1] ?? '',
      registry: registry.version,
      person: (await sql('keycloak', "SELECT id FROM user_entity WHERE username = 's.analyst'")).trim(),
      schemas: (await sql('schema_registry', 'SELECT count(*) FROM versions')).trim(),
    }
  }

  test('1.1.0 and 1.1.1 are built and signed', async () => {
    await step(world, 'build mesh 1.1.0')
    await step(world, 'build mesh 1.1.1')
    for (const version of ['1.1.0', '1.1.1']) await sign(PLACES.bundle(version))
  })

  test('1.0.0 becomes 1.1.0 with its data, its new schema and its longer log', async () => {
    await onHost(lab, 'rm -rf /var/tmp/old-depot && mkdir /var/tmp/old-depot && cp -a /var/lib/sallyport/state.json /var/lib/sallyport/journal /var/tmp/old-depot/ && readlink /var/lib/sallyport/current > /var/tmp/old-depot/current')
    first = await engines()
    await step(world, 'upgrade to mesh 1.1.0')
    assert.equal(await runs(), '1.1.0')
    assert.equal(await annotations(), rows)
    assert.match(await wellWithin(30), /"1\.1\.0"/)
    const now = await engines()
    assert.notEqual(now.keycloak, first.keycloak)
    assert.notEqual(now.registry, first.registry)
    assert.notEqual(first.person, '')
    assert.notEqual(first.schemas, '0')
    assert.deepEqual({ person: now.person, schemas: now.schemas }, { person: first.person, schemas: first.schemas })
    console.log(`    Keycloak ${first.keycloak} to ${now.keycloak}, Apicurio ${first.registry} to ${now.registry}`)
  })

  test('the backup says what it holds, and holds no audit log', async () => {
    const manifests = await onHost(lab, 'find /var/backups/sallyport -name "manifest*" -o -name "*.json" | head -20')
    assert.match(manifests, /postgresql/)
    const text = await onHost(lab, 'cat /var/backups/sallyport/*/object-store/objects/objects.json')
    const { buckets } = JSON.parse(text) as { buckets: { name: string }[] }
    assert.ok(buckets.length > 0)
    assert.deepEqual(buckets.map(({ name }) => name), ['lake'])
    const modes = await onHost(lab, 'find /var/backups/sallyport -perm /077 -type f')
    assert.equal(modes, '', 'files of a backup that others can read')
  })

  test('1.1.1 fails its health gate and 1.1.0 is back by itself, answering as before', async () => {
    const lines: string[] = []
    const ended = await change('upgrade', PLACES, PLACES.bundle('1.1.1'), { onLine: (line) => lines.push(line) })
    assert.equal(ended.exit, 9, ended.stderr)
    assert.ok(lines.some((line) => line.startsWith('Converge: changed')), lines.join('\n'))
    assert.ok(lines.some((line) => line.startsWith('Health gate: FAILED')), lines.join('\n'))
    assert.equal(await runs(), '1.1.0')
    assert.equal(await annotations(), rows)
    await onHost(lab, 'podman exec control-plane node /app/main.mjs verify-audit >/dev/null')
  })

  test('a downgrade is refused', async () => {
    const ended = await change('upgrade', PLACES, PLACES.bundle('1.0.0'))
    assert.equal(ended.exit, 10, ended.stderr)
    assert.equal(await runs(), '1.1.0')
  })

  test('the same sequence with other content is refused', async () => {
    const other = await smallMesh({ folder: 'other', version: '1.1.0', sequence: 110, marking: 'UNCLASSIFIED' })
    const ended = await sallyport(['plan', other, '--site', PLACES.site])
    assert.equal(ended.error?.code, 'E_SEQUENCE_REUSED', ended.stderr)
    assert.equal(ended.exit, 10)
  })

  test('both are refused also after the depot was put back from an old copy', async () => {
    await onHost(lab, 'cp -a /var/lib/sallyport/state.json /var/tmp/new-state.json; cp -a /var/tmp/old-depot/state.json /var/lib/sallyport/; ln -sfn "$(cat /var/tmp/old-depot/current)" /var/lib/sallyport/current')
    try {
      const older = await sallyport(['plan', PLACES.bundle('1.0.0'), '--site', PLACES.site])
      assert.equal(older.exit, 10, older.stderr)
      const other = await sallyport(['plan', at('other-bundle'), '--site', PLACES.site])
      assert.equal(other.exit, 10, other.stderr)
    } finally {
      await onHost(lab, 'cp -a /var/tmp/new-state.json /var/lib/sallyport/state.json')
      const release = await onHost(lab, 'ls -d /var/lib/sallyport/releases/mesh-1.1.0-*')
      await onHost(lab, `ln -sfn "releases/$(basename ${release.trim()})" /var/lib/sallyport/current`)
    }
    assert.equal(await runs(), '1.1.0')
  })

  test('the operator goes back to 1.0.0, and the floor stays', async () => {
    const words = ['rollback', '--site', PLACES.site, '--yes', '--ca-passphrase-file', PLACES.passphrase]
    const ended = await sallyport(words, { onLine: world.say })
    assert.equal(ended.exit, 0, ended.stderr)
    assert.equal(await runs(), '1.0.0')
    assert.equal(await annotations(), rows)
    assert.deepEqual(await engines(), first)
    const { result } = await succeed(['status', '--site', PLACES.site])
    assert.match(JSON.stringify((result as { floors: unknown }).floors), /110/)
  })

  test('the host is rebooted and the mesh answers again', async () => {
    await labReboot(ENCLAVE, 'h1')
    console.log(`    answered ${(await answersWithin(REBOOT_LIMIT_S)).toFixed(0)} s after the reboot`)
    assert.equal(await annotations(), rows)
  })
})
