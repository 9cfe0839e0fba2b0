import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { succeed } from '../../src/demo/sallyport.ts'
import { hostNamed, labDown, labRun, labUp, type Lab } from '../../src/lab/lab.ts'
import { TEST_LAB_PREFIX } from './shared/lab.ts'
import { WORKSHOP, at, publisher, signedBundle } from './shared/workshop.ts'

const NAME = `${TEST_LAB_PREFIX}office`
const DISC = '/media/disc'

describe('a bundle is read and verified without our code, on a Debian 13 host, from a read-only medium', () => {
  let lab: Lab
  let commands: string[]

  before(async () => {
    await signedBundle('bundles/hello', 'hello')
    lab = await labUp({
      name: NAME,
      hosts: 1,
      with: ['openssl', 'skopeo', 'podman', 'oras', 'jq'],
      mounts: [{ from: WORKSHOP, to: DISC, readOnly: true }],
      progress: ({ note }) => console.log(`    ${note ?? ''}`),
    })
    commands = await cardCommands()
  })
  after(async () => {
    await labDown(NAME)
  })

  const on = async (line: string): Promise<{ code: number | null; text: string }> => {
    const { code, stdout, stderr } = await labRun(lab, hostNamed(lab, 'h1'), line)
    return { code, text: `${stdout}${stderr}` }
  }

  /** The five commands of the printed card, exactly as printed. */
  async function cardCommands(): Promise<string[]> {
    const { key } = await publisher()
    const { card } = await printedCard(key.publicDirectory)
    const lines = card.split('\n')
    const from = lines.findIndex((line) => line.startsWith('CHECK A BUNDLE WITHOUT SALLYPORT'))
    const to = lines.findIndex((line) => line.startsWith('If one of them'))
    const typed = lines.slice(from, to).filter((line) => /^(openssl (dgst|pkeyutl)|test|sha512sum|T=)/.test(line))
    assert.equal(typed.length, 5, card)
    return typed
  }

  async function printedCard(publicDirectory: string): Promise<{ card: string }> {
    const { execFileSync } = await import('node:child_process')
    const main = new URL('../../src/cli/main.ts', import.meta.url).pathname
    return { card: execFileSync(process.execPath, [main, 'keys', 'card', publicDirectory], { encoding: 'utf8' }) }
  }

  async function check(bundle: string): Promise<string[]> {
    const { key } = await publisher()
    const setting = `cd ${DISC}/${bundle} && K=${DISC}/keys/publisher.public KEY=${key.keyId}`
    const said: string[] = []
    for (const command of commands) {
      const { code, text } = await on(`${setting}; ${command}`)
      const [, word] = /(Verified OK|Signature Verified Successfully|SUMS OK|CONTENT OK|LISTING OK)/.exec(text) ?? []
      said.push(code === 0 && word ? word : 'refused')
    }
    return said
  }

  const ALL_GOOD = ['Verified OK', 'Signature Verified Successfully', 'SUMS OK', 'CONTENT OK', 'LISTING OK']

  test('the card’s commands accept the good bundle, ML-DSA-87 included', async () => {
    assert.deepEqual(await check('hello'), ALL_GOOD)
  })

  test('content and SHA512SUMS changed together are caught by coreutils and openssl alone', async () => {
    const bundle = at('changed-together')
    cpSync(at('hello'), bundle, { recursive: true })
    const changed = 'another greeting\n'
    writeFileSync(join(bundle, 'README.txt'), changed)
    const sums = join(bundle, 'SHA512SUMS')
    const digest = createHash('sha512').update(changed).digest('hex')
    writeFileSync(sums, readFileSync(sums, 'utf8').replace(/^[0-9a-f]{128} {2}README\.txt$/m, `${digest}  README.txt`))
    assert.deepEqual(await check('changed-together'), [ALL_GOOD[0], ALL_GOOD[1], 'refused', ALL_GOOD[3], ALL_GOOD[4]])
    rmSync(bundle, { recursive: true })
  })

  test('a file more, and a changed bundle.json, are caught too', async () => {
    const bundle = at('one-more')
    cpSync(at('hello'), bundle, { recursive: true })
    writeFileSync(join(bundle, 'autorun.sh'), '#!/bin/sh\n')
    assert.equal((await check('one-more'))[4], 'refused')
    writeFileSync(join(bundle, 'bundle.json'), readFileSync(join(bundle, 'bundle.json'), 'utf8').replace('"hello"', '"jello"'))
    assert.deepEqual((await check('one-more')).slice(0, 2), ['refused', 'refused'])
    rmSync(bundle, { recursive: true })
  })

  test('our program verifies it from the same read-only medium, on a host without Node', async () => {
    const { code, text } = await on(`command -v node; ${DISC}/hello/sallyport verify ${DISC}/hello --policy ${DISC}/trust-policy.json --for install`)
    assert.equal(code, 0, text)
    assert.match(text, /accepted for install/)
  })

  test('skopeo, podman and oras read it as an OCI image layout', async () => {
    const { result } = await succeed(['inspect', at('hello')])
    const { images } = (result as { statement: { images: { reference: string; manifest: { sha256: string } }[] } }).statement
    const [image] = images
    assert.ok(image)
    const layout = `${DISC}/hello`
    const skopeo = await on(`skopeo inspect --format '{{.Digest}}' oci:${layout}:${image.reference}`)
    assert.equal(skopeo.text.trim(), `sha256:${image.manifest.sha256}`)
    const oras = await on(`cd ${layout} && oras manifest fetch --oci-layout .@sha256:${image.manifest.sha256} | sha256sum`)
    assert.ok(oras.text.startsWith(image.manifest.sha256), oras.text)
    const pulled = await on(`podman pull -q oci:${layout}:${image.reference} && podman run --rm --network none ${image.reference}`)
    assert.equal(pulled.code, 0, pulled.text)
    assert.ok(pulled.text.includes(readFileSync('bundles/hello/greeting.txt', 'utf8').trim()), pulled.text)
  })
})
