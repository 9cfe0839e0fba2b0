import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { catalog, query } from '../../src/demo/mesh.ts'
import { IMAGERY, type PersonId } from '../../src/demo/people.ts'
import type { Lab } from '../../src/lab/lab.ts'
import { annotations, answersWithin, COUNT, installed, onHost, PLACES } from './shared/enclave.ts'
import type { Identity } from './shared/mutual-tls.ts'
import { ask } from './shared/registry.ts'

const BACKUP = 'journey-17'
const BACK_WITHIN_S = 240
/** Everything that a service of this host keeps, and the secrets that fit it; the organisation's certificates stay. */
const DATA = ['/srv/sallyport', '/etc/sallyport/secrets', '/etc/sallyport/object-store', '/var/lib/sallyport/object-store']

/** Playbooks with the variables of the last convergence, as the runbook has them run by hand. */
const playbooks = (...names: string[]): string =>
  [
    'cd /var/lib/sallyport/current/iac/ansible',
    'J=$(dirname "$(ls -t /var/lib/sallyport/journal/*/variables-site.json | head -1)")',
    ...names.map((name) => `ansible-playbook -i $J/inventory.json -e @$J/variables-site.json -e sallyport_backup_id=${BACKUP} ${name}.yml >/var/tmp/${BACKUP}.log 2>&1 || { tail -60 /var/tmp/${BACKUP}.log; exit 1; }`),
    `tail -4 /var/tmp/${BACKUP}.log`,
  ].join('\n')

describe('what is killed comes back; what is destroyed comes back from the backup', () => {
  let lab: Lab
  let address = ''

  before(async () => {
    ;({ lab } = await installed())
    address = lab.hosts[0]?.address ?? ''
    await answersWithin(BACK_WITHIN_S)
  })

  const host = async (line: string): Promise<string> => (await onHost(lab, line)).trim()
  const sql = (database: string, text: string): Promise<string> => host(`podman exec postgresql psql --no-psqlrc -tA -d ${database} -c "${text}"`)

  async function operator(): Promise<Identity> {
    const id: PersonId = 'o.keeper'
    const [key = '', certificate = ''] = await Promise.all(['key.pem', 'pem'].map((end) => readFile(join(PLACES.people, `${id}.${end}`), 'utf8')))
    return { key, certificate }
  }

  async function asked<T>(service: string, port: number, path: string, body?: unknown): Promise<T> {
    const { status, text } = await ask(address, service, port, await operator(), { path, ...(body === undefined ? {} : { method: 'POST', body }) })
    assert.equal(status, 200, `${path}: ${text}`)
    return JSON.parse(text) as T
  }

  /** What the services hold that only a backup can bring back. */
  async function held(since: number) {
    const found = await asked<{ data: { result: unknown[] } }>('prometheus', 9090, `/api/v1/query?query=up&time=${since}`)
    const silences = await asked<{ id: string; status: { state: string } }[]>('alertmanager', 9093, '/api/v2/silences')
    return {
      rows: await annotations(),
      catalog: await catalog(PLACES, 'p.ortega'),
      person: await sql('keycloak', "SELECT id FROM user_entity WHERE username = 's.analyst'"),
      schemas: await sql('schema_registry', 'SELECT count(*) FROM versions'),
      tables: await sql('mesh', 'SELECT count(*) FROM lake.tables'),
      administrator: await host('sha512sum < /etc/sallyport/secrets/keycloak-admin'),
      series: found.data.result.length > 0,
      silences: silences.filter(({ status }) => status.state === 'active').map(({ id }) => id).toSorted(),
    }
  }

  test('every container is killed at once; all are back, and the gate passes', async () => {
    const names = (await host('podman ps --format "{{.Names}}"')).split('\n')
    assert.ok(names.length >= 13, names.join())
    const started = performance.now()
    await host(`podman kill --signal KILL ${names.join(' ')} >/dev/null`)
    const away = `for name in ${names.join(' ')}; do podman inspect --format '{{.State.Running}}' $name 2>/dev/null | grep -q true || echo $name; done`
    for (let left = names; left.length > 0; await pause(1000)) {
      left = (await host(away)).split('\n').filter((name) => name !== '')
      if ((performance.now() - started) / 1000 > BACK_WITHIN_S) assert.fail(`not back: ${left.join(', ')}`)
    }
    await answersWithin(BACK_WITHIN_S)
    console.log(`    ${names.length} containers killed; the mesh answered ${((performance.now() - started) / 1000).toFixed(0)} s later`)
    await host(playbooks('health'))
  })

  test('every service loses its data and its secrets, and gets them back from the backup', async () => {
    const since = Math.floor(Date.now() / 1000)
    await asked('alertmanager', 9093, '/api/v2/silences', {
      ...{ matchers: [{ name: 'alertname', value: 'Journey17', isRegex: false }], createdBy: 'o.keeper', comment: 'kept?' },
      ...{ startsAt: new Date().toISOString(), endsAt: new Date(Date.now() + 3_600_000).toISOString() },
    })
    await pause(20_000)
    const before = await held(since + 15)
    assert.ok(before.series && before.silences.length > 0 && before.rows > 0, JSON.stringify(before))

    await host(`rm -rf /var/backups/sallyport/${BACKUP}`)
    await host(playbooks('drain', 'backup'))
    const units = (await host("systemctl list-units --plain --no-legend --type=service | awk '{print $1}'")).split('\n')
    const own = new Set((await host('ls /etc/containers/systemd/*.container')).split('\n').map((path) => `${path.split('/').at(-1)?.replace('.container', '')}.service`))
    await host(`systemctl stop ${units.filter((unit) => own.has(unit) && unit !== 'proxy.service').join(' ')}`)
    await host(`rm -rf ${DATA.join(' ')} && podman secret rm --all >/dev/null`)

    const started = performance.now()
    await host(playbooks('site', 'drain', 'restore', 'site', 'health'))
    console.log(`    made anew, restored and healthy after ${((performance.now() - started) / 1000).toFixed(0)} s`)
    await answersWithin(BACK_WITHIN_S)
    assert.deepEqual(await held(since + 15), before)
  })

  test('the audit log is in no backup, and no key is put in the place of another: a new log begins, and is proven', async () => {
    await query(PLACES, 's.analyst', IMAGERY, COUNT)
    const printed = await host('podman exec control-plane node /app/main.mjs verify-audit')
    assert.match(printed.split('\n').at(-1) ?? '', /verified/)
  })

  test('what was restored is no drift, and a second run changes nothing', async () => {
    assert.match(await host(playbooks('site')), /changed=0 .*failed=0/)
    await host(`rm -rf /var/backups/sallyport/${BACKUP} /var/tmp/${BACKUP}.log`)
  })
})
