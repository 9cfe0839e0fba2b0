import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { hostNamed, labDown, labRun, labUp, type Lab } from '../../src/lab/lab.ts'
import { PLACES, installed } from './shared/enclave.ts'
import { TEST_LAB_PREFIX } from './shared/lab.ts'

const ATTACKS = readFileSync(new URL('shared/object-lock-attack.py', import.meta.url), 'utf8')
const ANSIBLE = new URL('../../ansible/', import.meta.url).pathname.replace(/\/$/, '')
const URL_OF_STORE = 'http://127.0.0.1:17480/'
const ACCOUNTS = ['control-plane', 'trino', 'unknown', 'nobody']

interface Attempt {
  readonly attack: string
  readonly as: string
  readonly answer: string
  readonly held: true | string
}

/** Runs one line as root of the store's host and returns what it printed. */
type OnStore = (line: string, input?: string) => Promise<string>

function onStore(lab: Lab): OnStore {
  return async (line, input) => {
    const { code, stdout, stderr } = await labRun(lab, hostNamed(lab, 'h1'), line, input)
    assert.equal(code, 0, `${line}\n${stdout}${stderr}`)
    return stdout
  }
}

/** A line that runs a program of the store's image as root, with the accounts' keys below /keys. */
function tool(image: string, ...words: string[]): string {
  const folders = ['/etc/sallyport/secrets:/keys:ro', '/etc/sallyport/pki/ca.pem:/etc/ssl/certs/ca-certificates.crt:ro']
  const confined = '--pull=never --network=host --user=0:0 --cap-drop=all --read-only --log-driver=none'
  return `podman run --rm --interactive ${confined} ${folders.map((one) => `--volume=${one}`).join(' ')} --entrypoint=/usr/bin/env ${image} ${words.join(' ')}`
}

/** The reference of the image that a container of the store runs. */
async function imageOf(run: OnStore, container: string): Promise<string> {
  return (await run(`podman inspect --format '{{.ImageName}}' ${container}`)).trim()
}

async function attacked(run: OnStore, image: string): Promise<Attempt[]> {
  const printed = await run(tool(image, 'python3', '-', URL_OF_STORE, 'audit'), ATTACKS)
  return printed.trim().split('\n').map((line) => JSON.parse(line) as Attempt)
}

function judge(store: string, attempts: readonly Attempt[]): void {
  for (const account of ACCOUNTS) {
    const own = attempts.filter((attempt) => attempt.as === account)
    const refused = own.filter(({ answer }) => answer !== 'accepted').length
    console.log(`    ${store}, ${account}: ${own.length} attempts, ${refused} refused, ${own.length - refused} accepted without effect on what is locked`)
  }
  assert.deepEqual(attempts.filter(({ held }) => held !== true), [], 'something locked was removed or shortened')
  assert.deepEqual(attempts.filter(({ answer }) => answer.startsWith('not sent')), [])
  const strangers = attempts.filter((attempt) => attempt.as !== 'control-plane' && attempt.answer === 'accepted')
  assert.deepEqual(strangers, [], 'an account without right to the bucket was let in')
  assert.ok(attempts.length >= 130, `${attempts.length} attempts`)
}

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

describe('object lock against every call and every credential: MinIO', () => {
  let lab: Lab | undefined
  let run: OnStore
  let image = ''

  before(async () => {
    const bundle = PLACES.bundle('1.0.0')
    lab = await labUp({
      name: `${TEST_LAB_PREFIX}minio`,
      hosts: 1,
      with: ['aardvark-dns', 'ansible-core', 'catatonit', 'crun', 'netavark', 'openssl', 'passt', 'podman', 'python3-apt'],
      mounts: [{ from: bundle, to: '/media', readOnly: true }, { from: ANSIBLE, to: '/ansible', readOnly: true }],
    })
    run = onStore(lab)
    const index = JSON.parse(readFileSync(`${bundle}/index.json`, 'utf8')) as { manifests: { digest: string; annotations?: Record<string, string> }[] }
    const name = 'localhost/minio:1.0.0'
    const found = index.manifests.find(({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] === name)
    assert.ok(found, 'the release has no image of MinIO')
    image = `localhost/minio@${found.digest}`
    await run(`podman pull --quiet oci:/media:${name}`)
    await converge()
  })

  after(async () => {
    if (lab !== undefined) await labDown(lab.name)
  })

  /** The role alone, on a host that has nothing else; returns Ansible's own count. */
  async function converge(): Promise<string> {
    const address = hostNamed(lab as Lab, 'h1').address
    const variables = {
      ansible_connection: 'local',
      ansible_python_interpreter: '/usr/bin/python3',
      sallyport_address: address,
      sallyport_data_dir: '/srv/sallyport',
      sallyport_images: { minio: image },
      sallyport_object_store: 'minio',
      sallyport_pki_dir: '/etc/sallyport/pki',
      sallyport_site: { name: 'test', domain: 'test.example', ceiling: 'SECRET' },
    }
    await run('mkdir -p /var/tmp/play /etc/containers/systemd /etc/sallyport/pki /etc/sallyport/secrets && ln -sfn /ansible/group_vars /var/tmp/play/group_vars')
    await run("printf '[containers]\\npids_limit = 0\\n' > /etc/containers/containers.conf")
    // What stands in for the organisation's root: the store itself speaks plain HTTP on the loopback.
    await run('cp /etc/ssl/certs/ca-certificates.crt /etc/sallyport/pki/ca.pem')
    await run('cat > /var/tmp/play/inventory.json', JSON.stringify({ all: { children: { object_store: { hosts: { h1: variables } }, control_plane: { hosts: { h1: {} } } } } }))
    await run('cat > /var/tmp/play/play.yml', '- hosts: object_store\n  gather_facts: false\n  roles: [object_store]\n')
    return await run('cd /var/tmp/play && ANSIBLE_CONFIG=/ansible/ansible.cfg ansible-playbook -i inventory.json play.yml')
  }

  test('nothing removes or shortens what is locked', async () => judge('MinIO', await attacked(run, image)))

  test('Trino’s account reaches the lake and nothing else', async () => await reaches(run, image))

  test('a killed server comes back, and a second run changes nothing', async () => {
    await run('podman kill object-store >/dev/null; until podman exec object-store true 2>/dev/null; do sleep 0.2; done')
    assert.match(await converge(), /changed=0 .*failed=0/)
  })
})

function keysOf(account: string): string {
  return ['access', 'secret'].map((part) => `--volume=/etc/sallyport/secrets/object-store-${account}.${part}:/keys/${part}:ro`).join(' ')
}

/** Reads, writes, lists and removes in the bucket `lake`; is refused another bucket, the policy, and buckets of its own. */
async function reaches(run: OnStore, image: string): Promise<void> {
  const script = `
import json
from object_store import client_of
import botocore.exceptions
s3 = client_of('${URL_OF_STORE}')
def answer(call, **words):
    try:
        call(**words)
        return 'accepted'
    except botocore.exceptions.ClientError as error:
        return error.response['Error']['Code']
lake = {'Bucket': 'lake', 'Key': 'journey'}
print(json.dumps({
    'write': answer(s3.put_object, **lake, Body=b'x'), 'read': answer(s3.get_object, **lake), 'list': answer(s3.list_objects_v2, Bucket='lake'),
    'remove': answer(s3.delete_object, **lake), 'audit': answer(s3.list_objects_v2, Bucket='audit'), 'other': answer(s3.put_object, Bucket='audit', Key='x', Body=b'x'),
    'make': answer(s3.create_bucket, Bucket='trinos-own'), 'policy': answer(s3.put_bucket_policy, Bucket='lake', Policy='{}'),
}))`
  const line = tool(image, 'python3', '-').replace('--volume=/etc/sallyport/secrets:/keys:ro', keysOf('trino'))
  const answers = JSON.parse(await run(line, script)) as Record<string, string>
  for (const call of ['write', 'read', 'list', 'remove']) assert.equal(answers[call], 'accepted', call)
  for (const call of ['audit', 'other', 'make', 'policy']) assert.notEqual(answers[call], 'accepted', call)
}

/** Commands that the monitors recorded of anyone who is no daemon, after the next look. */
async function counted(run: OnStore): Promise<number> {
  await run('systemctl start sallyport-object-store.service')
  const metrics = await run('cat /var/lib/sallyport/metrics/object-store.prom')
  const counts = [...metrics.matchAll(/^sallyport_ceph_admin_commands_total\{.*\} (\d+)$/gm)].map(([, count]) => Number(count))
  return counts.reduce((sum, count) => sum + count, 0)
}
