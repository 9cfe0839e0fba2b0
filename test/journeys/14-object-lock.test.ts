import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { installed } from './shared/enclave.ts'
import { attacked, imageOf, judge, keysOf, onStore, reaches, tool, URL_OF_STORE, type OnStore } from './shared/object-lock.ts'

describe('object lock against every call and every credential: Ceph', () => {
  let run: OnStore
  let image = ''

  before(async () => {
    run = onStore((await installed()).lab)
    image = await imageOf(run, 'object-store-rgw')
  })

  test('nothing removes or shortens what is locked', async () => judge('Ceph', await attacked(run, image)))

  test('Trino’s account reaches the lake and nothing else', async () => await reaches(run, image))

  test('no key of an administrator lies on the host', async () => {
    const found = await run('grep --recursive --files-with-matches --fixed-strings "[client.admin]" /etc /srv /root /var/lib/sallyport* /run --exclude-dir=osd --exclude=*.db --exclude=*.sst --exclude=*.log --devices=skip || true')
    assert.equal(found.trim(), '')
  })

  test('who holds the monitor’s key can still destroy a locked bucket, and is seen', async () => {
    const bucket = `locked-${Date.now()}`
    const made = `from object_store import client_of; client_of('${URL_OF_STORE}').create_bucket(Bucket='${bucket}', ObjectLockEnabledForBucket=True)`
    const asControl = tool(image, 'python3', '-').replace('--volume=/etc/sallyport/secrets:/keys:ro', keysOf('control-plane'))
    await run(asControl, made)
    const before = await counted(run)
    const monitor = '/srv/sallyport/object-store/mon/$(ls /srv/sallyport/object-store/mon | grep -v join)/keyring'
    const power = tool(image, 'sh', '-eu')
      .replace('--user=0:0', '--user=64045')
      .replace('--volume=/etc/sallyport/secrets:/keys:ro', `--volume=${monitor}:/keys/mon:ro --volume=/etc/sallyport/object-store/ceph.conf:/etc/ceph/ceph.conf:ro`)
    const purge = [
      'ceph --name mon. --keyring /keys/mon auth get-or-create client.thief mon "allow r" osd "allow rwx" >/tmp/thief',
      `radosgw-admin --name client.thief --keyring /tmp/thief bucket rm --bucket=${bucket} --purge-objects`,
      'ceph --name mon. --keyring /keys/mon auth rm client.thief',
    ]
    await run(power, purge.join('\n'))
    const listed = await run(asControl, `from object_store import client_of; print([b['Name'] for b in client_of('${URL_OF_STORE}').list_buckets()['Buckets']])`)
    assert.ok(!listed.includes(bucket), 'Ceph has learnt to bind its administrators: say so in docs/security-model.md')
    const journal = await run("journalctl --output=cat --since=-5min CONTAINER_NAME=object-store-mon --grep=client.thief")
    assert.match(journal, /audit \[INF\] .*entity='mon\.' .*auth get-or-create.*client\.thief/)
    assert.ok((await counted(run)) >= before + 2, 'the metric did not count the commands')
  })
})

/** Commands that the monitors recorded of anyone who is no daemon, after the next look. */
async function counted(run: OnStore): Promise<number> {
  await run('systemctl start sallyport-object-store.service')
  const metrics = await run('cat /var/lib/sallyport/metrics/object-store.prom')
  const counts = [...metrics.matchAll(/^sallyport_ceph_admin_commands_total\{.*\} (\d+)$/gm)].map(([, count]) => Number(count))
  return counts.reduce((sum, count) => sum + count, 0)
}
