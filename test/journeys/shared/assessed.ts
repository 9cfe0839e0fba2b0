import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { BENCHMARK } from '../../../src/assessment/benchmark.ts'
import { sallyport, succeed, type Ended } from '../../../src/demo/sallyport.ts'
import type { Lab } from '../../../src/lab/lab.ts'
import { onHost } from './enclave.ts'

/** A site with one host that has at least the roles depot, proxy and node-exporter. */
export interface Assessable {
  readonly lab: Lab
  readonly site: string
  /** The bundle that runs there; bundles beside it are others. */
  readonly bundle: string
  /** Folder for what is made. */
  readonly folder: string
  readonly passphraseFile: string
  /** The root's own list, PEM, which has to be there with that of the delegated CA. */
  readonly rootList: string
}

/** Which rules fail, and what the page says of them. */
interface Assessed {
  readonly ended: Ended
  readonly folder: string
  /** `SLP-010 fail`, in the order of the benchmark. */
  readonly notMet: readonly string[]
}

const PORT = 9999
const UNIT = 'journey-22-listens.service'
const RULE = '$(nft -a list chain inet sallyport address | grep "dport 9999 accept" | sed "s/.*handle //")'
const SERIAL = '0123456789abcdef0123456789abcdef01234567'

/** What any installed site shows: it meets every rule but `notApplicable`, and what is broken on its host is named. */
export function assessedAsItIs(open: () => Promise<Assessable>, notApplicable: readonly string[]): void {
  let it: Assessable
  let count = 0

  const host = async (line: string): Promise<string> => (await onHost(it.lab, line)).trim()

  async function assess(...words: readonly string[]): Promise<Assessed> {
    const folder = join(it.folder, String((count += 1)))
    const ended = await sallyport(['assess', '--site', it.site, '-o', folder, ...words])
    console.log(`    assess took ${ended.seconds.toFixed(1)} s, exit ${ended.exit}`)
    const results = readFileSync(join(folder, 'xccdf-results-h1.xml'), 'utf8')
    const notMet = [...results.matchAll(/idref="xccdf_sallyport_rule_(SLP-\d+)"[^>]*>\s*<result>(fail|notchecked)<\/result>/g)].map(([, rule, result]) => `${rule} ${result}`)
    return { ended, folder, notMet }
  }

  const page = ({ folder }: Assessed): string => readFileSync(join(folder, 'assessment.txt'), 'utf8').replace(/\n {6,}(?! )/g, ' ')

  /** The host looks at itself every minute; this has it look now. */
  const look = (): Promise<string> => host('systemctl start sallyport-observe.service')

  before(async () => {
    it = await open()
    rmSync(it.folder, { recursive: true, force: true })
    // Lists come into use with the first that somebody brings: a journey before this one may have done so already.
    const secret = ['--site', it.site, '--ca-passphrase-file', it.passphraseFile]
    if ((await host('cat /etc/sallyport/pki/crl.pem 2>/dev/null || true')) === '') {
      await succeed(['certificates', 'crl', it.rootList, ...secret])
      await succeed(['certificates', 'revoke', SERIAL, ...secret])
    }
    await look()
  })
  after(async () => {
    await host(`systemctl stop ${UNIT} 2>/dev/null; for h in ${RULE}; do nft delete rule inet sallyport address handle $h; done; rm -f /etc/sysctl.d/99-journey-22.conf; systemctl start sallyport-observe.service; true`)
  })

  test('every rule is met, in documents that say so', async () => {
    const made = await assess()
    assert.deepEqual(made.notMet, [], page(made))
    assert.equal(made.ended.exit, 0, made.ended.stderr)
    const { name: runningName } = (JSON.parse(readFileSync(join(it.bundle, 'bundle.json'), 'utf8')) as { name: string })
    const { pass, fail, release } = made.ended.result as { pass: number; fail: number; release: { name: string; digest: string } }
    assert.deepEqual([pass, fail, release.name], [BENCHMARK.rules.length - notApplicable.length, 0, runningName])
    for (const rule of notApplicable) assert.match(page(made), new RegExp(`${rule} {2}[^]*?h1: not applicable`))
    assert.deepEqual(readdirSync(made.folder).toSorted(), ['SHA512SUMS', 'assessment.txt', 'checklist-h1.cklb', 'observed', 'oscal', 'xccdf-results-h1.xml'])
    execFileSync('sha512sum', ['--check', '--quiet', 'SHA512SUMS'], { cwd: made.folder })
    const all = readdirSync(made.folder, { recursive: true, withFileTypes: true }).filter((one) => one.isFile()).map((one) => readFileSync(join(one.parentPath, one.name), 'utf8'))
    // No secret of the host is in any of it.
    const files = "find /etc/sallyport/secrets /etc/sallyport/pki \\( -path '*/secrets/*' -o -name key.pem \\) -type f ! -name '*.access' ! -name '*.json'"
    const secrets = (await host(`for file in $(${files}); do tr -d '\\0' < $file; echo; done`)).split('\n').map((line) => line.trim())
    const telling = secrets.filter((secret) => secret.length >= 12 && !secret.startsWith('-----'))
    assert.ok(telling.length >= 3, String(telling.length))
    for (const text of all) for (const secret of telling) assert.ok(!text.includes(secret))
    for (const text of all) assert.doesNotMatch(text, /PRIVATE KEY/)
  })

  test('findings are linked to the claims of the running bundle, and another bundle is refused', async () => {
    const made = await assess('--bundle', it.bundle)
    assert.equal(made.ended.exit, 0, made.ended.stderr)
    const results = readFileSync(join(made.folder, 'oscal/assessment-results.json'), 'utf8')
    const definition = JSON.parse(readFileSync(join(it.bundle, 'evidence/oscal/component-definition.json'), 'utf8')) as { 'component-definition': { components: { 'control-implementations'?: { 'implemented-requirements': { uuid: string; 'control-id': string }[] }[] }[] } }
    const claims = definition['component-definition'].components.flatMap((one) => one['control-implementations'] ?? []).flatMap((one) => one['implemented-requirements'])
    const claim = claims.find((one) => one['control-id'] === 'cm-7')
    assert.ok(claim && results.includes(`"implementation-statement-uuid": "${claim.uuid}"`))
    const [name] = basename(it.bundle).split(/-\d/)
    const others = readdirSync(dirname(it.bundle)).filter((one) => one.startsWith(`${name}-`) && one !== basename(it.bundle) && /\d$/.test(one))
    for (const other of others) {
      const ended = await sallyport(['assess', '--site', it.site, '-o', join(it.folder, other), '--bundle', join(dirname(it.bundle), other)])
      assert.deepEqual([ended.exit, ended.error?.code], [3, 'E_ASSESSMENT_BUNDLE'])
    }
  })

  test('a port that is opened, a rule that is added and a file that is changed are named, and nothing else', async () => {
    await host(`systemd-run --unit ${UNIT} --collect python3 -I -m http.server ${PORT} --bind 0.0.0.0 --directory /usr/share/doc`)
    await host(`nft insert rule inet sallyport address tcp dport ${PORT} accept; nft list chain inet sallyport address | grep -c 'dport ${PORT} accept'`)
    await host(`echo 'net.ipv4.ip_forward = 1' > /etc/sysctl.d/99-journey-22.conf`)
    await pause(1000)
    await look()
    const made = await assess()
    assert.deepEqual([made.ended.exit, made.ended.error?.code], [14, 'E_ASSESSMENT_NOT_MET'])
    assert.deepEqual(made.notMet, ['SLP-010 fail', 'SLP-030 fail', 'SLP-040 fail', 'SLP-130 fail'], page(made))
    const said = page(made)
    assert.match(said, /not declared: tcp 0\.0\.0\.0:9999 python3/)
    assert.match(said, /loaded and not in rules\.nft: tcp dport 9999 accept/)
    assert.match(said, /lets in port 9999, which is not declared/)
    assert.match(said, /host: \/etc\/sysctl\.d\/99-journey-22\.conf is new/)
  })

  test('a secret that others may read and a container that nobody declared are named, and only what they break', async () => {
    await host(`systemctl stop ${UNIT}; nft delete rule inet sallyport address handle ${RULE}; rm /etc/sysctl.d/99-journey-22.conf`)
    await host('chmod 644 /etc/sallyport/pki/host/key.pem')
    // A container of nobody, as root and with what Podman gives by default; its image is one of the release.
    const [program, image] = (await host("podman inspect node-exporter --format '{{.Path}} {{.Image}}'")).split(' ')
    await host(`podman run --detach --rm --name journey-22 --user 0 --network none --entrypoint ${program} ${image} --web.listen-address=127.0.0.1:19`)
    await look()
    try {
      const made = await assess()
      assert.equal(made.ended.exit, 14)
      assert.deepEqual(made.notMet, ['SLP-050', 'SLP-060', 'SLP-070', 'SLP-080', 'SLP-130', 'SLP-160'].map((rule) => `${rule} fail`), page(made))
      const said = page(made)
      assert.match(said, /the container journey-22 is no declared service/)
      assert.match(said, /\/etc\/sallyport\/pki\/host\/key\.pem is 0644/)
    } finally {
      await host('chmod 600 /etc/sallyport/pki/host/key.pem; podman rm --force --time 0 --ignore journey-22 >/dev/null; systemctl start sallyport-observe.service')
    }
  })

  test('with all of it put back, every rule is met again', async () => {
    const made = await assess()
    assert.deepEqual([made.ended.exit, made.notMet], [0, []], page(made))
  })

  test('a host that does not answer is not checked, which is not met', async () => {
    await host('nft add table inet journey22; nft add chain inet journey22 in "{ type filter hook input priority -10; policy accept; }"; nft add rule inet journey22 in tcp dport 22 ct state new reject; systemd-run --on-active=25 --timer-property=AccuracySec=1 --unit journey-22-back nft delete table inet journey22')
    const made = await assess()
    assert.deepEqual([made.ended.exit, made.ended.error?.code], [14, 'E_ASSESSMENT_NOT_MET'])
    assert.equal(made.notMet.length, BENCHMARK.rules.length - notApplicable.length)
    assert.ok(made.notMet.every((one) => one.endsWith(' notchecked')))
    assert.match(page(made), /DID NOT ANSWER/)
    await pause(26_000)
    assert.equal(await host('nft list tables | grep -c journey22 || true'), '0')
  })
}
