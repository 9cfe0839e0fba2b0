import assert from 'node:assert/strict'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ECOSYSTEMS } from '../../src/connected/definition/schema.ts'
import { change } from '../../src/demo/enclave.ts'
import { DOMAIN, makePassphrase, makeTrust } from '../../src/demo/organisation.ts'
import { placesIn } from '../../src/demo/places.ts'
import { sallyport, succeed } from '../../src/demo/sallyport.ts'
import { hostNamed, labCapture, labDown, labList, labRun, labUp, type Capture, type Lab } from '../../src/lab/lab.ts'
import { goProgram, packedProvider } from '../contract/opentofu.ts'
import { providerRegistry } from '../contract/source-providers.ts'
import { TEST_LAB_PREFIX } from './shared/lab.ts'
import { clientFolders, mirrorDefinition } from './shared/mirror-bundle.ts'
import { MIRROR_CLIENTS, type Lie } from './shared/mirror-clients.ts'
import { smallSite } from './shared/several.ts'
import { at } from './shared/workshop.ts'

const NAME = `${TEST_LAB_PREFIX}mirrors`
const PLACES = placesIn(at('mirrors'))
const DEPOT = `depot.${DOMAIN}:8443`
/** Debian's own clients, one for each ecosystem; nothing of them is changed but the settings of mirrors/. */
const CLIENTS = ['ansible-core', 'crun', 'curl', 'default-jdk-headless', 'dnf', 'git', 'golang-go', 'maven', 'npm', 'podman', 'python3-pip', 'rpm']
/** Exit status of a build whose bundle is there, but not proven. */
const UNPROVEN = 15
const RELEASE = '/var/lib/sallyport/current'

interface Proof {
  readonly proven: boolean
  readonly tried: readonly { readonly what: string; readonly well: boolean; readonly seconds: number }[]
  readonly untried: readonly object[]
}

describe('one bundle with something of each ecosystem, on a disconnected host', () => {
  let lab: Lab
  let capture: Capture

  before(async () => {
    await rm(PLACES.folder, { recursive: true, force: true })
    await mkdir(PLACES.folder, { recursive: true })
    if ((await labList()).some((one) => one.name === NAME)) await labDown(NAME)
    const passphrase = await makePassphrase(PLACES)
    const { policyDigest } = await makeTrust(PLACES)
    const definition = at('mirrors', 'definition')
    const tofu = await goProgram('tofu', say)
    const provider = await packedProvider(at('mirrors', 'provider'), say)
    await mirrorDefinition(definition, provider, tofu)
    const bundle = PLACES.bundle('1.0.0')
    const registry = await providerRegistry(at('mirrors'), provider)
    try {
      Object.assign(process.env, { PATH: `${dirname(tofu)}:${process.env['PATH'] ?? ''}`, ...registry.login() })
      const ended = await sallyport(['build', definition, '-o', bundle, '--prove'], { onLine: say })
      assert.ok(ended.exit === 0 || ended.exit === UNPROVEN, ended.stderr)
      assert.ok(registry.answered.some((path) => path.endsWith('.zip')), 'the registry was not asked')
    } finally {
      await registry.close()
    }
    await succeed(['sign', bundle, '--key', PLACES.publisher, '--passphrase-file', PLACES.passphrase])
    await clientFolders(definition, at('mirrors', 'clients'), DEPOT, tofu)
    lab = await labUp({ name: NAME, hosts: 1, with: CLIENTS, mounts: [{ from: at('mirrors', 'clients'), to: '/clients', readOnly: true }] })
    capture = await labCapture(lab)
    await smallSite(PLACES, lab, passphrase, policyDigest)
    const ended = await change('install', PLACES, bundle, { onLine: say })
    assert.equal(ended.exit, 0, ended.stderr)
    // The organisation's root is among the machine's own, as on every host of an organisation; hosts have a certificate.
    await on('cp /etc/sallyport/pki/ca.pem /usr/local/share/ca-certificates/organisation.crt && update-ca-certificates')
    await on(`d=/etc/containers/certs.d/${DEPOT}; mkdir -p $d; cd /etc/sallyport/pki; ln -s $PWD/ca.pem $d/ca.crt; ln -s $PWD/host/cert.pem $d/client.cert; ln -s $PWD/host/key.pem $d/client.key`)
    await on('cp -r /clients ~/clients')
  })

  after(async () => {
    if ((await labList()).some((one) => one.name === NAME)) await labDown(NAME)
  })

  function say(line: string): void {
    console.log(`    ${line}`)
  }

  test('the bundle was proven before: every ecosystem’s own client installs from its mirror, and nothing reaches out', async () => {
    const { proven, tried, untried } = JSON.parse(await readFile(`${PLACES.bundle('1.0.0')}.proof.json`, 'utf8')) as Proof
    for (const { what, seconds } of tried) say(`${what}: ${seconds} s`)
    assert.deepEqual(tried.filter(({ well }) => !well), [])
    assert.deepEqual(untried, [])
    assert.ok(proven)
    assert.deepEqual([...new Set(tried.map(({ what }) => what.replace(/[: ].*/, '')))].toSorted(), [...ECOSYSTEMS, 'image'].toSorted())
  })

  const outcome = (line: string) => labRun(lab, hostNamed(lab, 'h1'), line)
  async function on(line: string): Promise<string> {
    const { code, stdout, stderr } = await outcome(line)
    assert.equal(code, 0, `${line}\n${stdout}${stderr}`)
    return stdout
  }
  const inFolder = (name: string, lines: string): string => `export DEPOT=${DEPOT} LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive; cd ~/clients/${name} && { ${lines}; }`

  for (const client of MIRROR_CLIENTS) {
    const name = client.variant === undefined ? client.name : `${client.name}, ${client.variant}`
    test(`${name}: the client installs from the depot, and what it installed runs`, async () => {
      assert.match(await on(inFolder(client.name, client.install)), client.says)
    })

    for (const lie of client.lies)
      test(`${name}: ${lie.what} changed on the depot is ${lie.refused === undefined ? 'taken, as the table says' : 'refused by the client'}`, async () => {
        const { code, stdout, stderr } = await lied(client.name, client.install, lie)
        if (lie.refused === undefined) return assert.equal(code, 0, `${stdout}${stderr}`)
        assert.notEqual(code, 0, `${client.name} took it: ${stdout}${stderr}`)
        assert.match(`${stdout}${stderr}`, lie.refused)
      })
  }

  test('nothing reached out', async () => {
    const { elsewhere, inside } = await capture.stop()
    assert.ok(inside > 0, 'the recording is empty')
    assert.deepEqual(elsewhere, {})
  })

  /** The depot lies while the client asks, and tells the truth again. */
  async function lied(name: string, install: string, { change: words, attempt }: Lie): Promise<Awaited<ReturnType<typeof outcome>>> {
    await on(`cd ${RELEASE}/ && python3 /clients/tamper.py ${words}`)
    try {
      return await outcome(inFolder(name, attempt ?? install))
    } finally {
      await on(`cd ${RELEASE}/ && python3 /clients/tamper.py back $(find . -name '*.kept' | sed 's/.kept$//')`)
    }
  }
})
