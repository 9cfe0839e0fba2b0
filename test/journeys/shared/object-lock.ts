import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { hostNamed, labRun, type Lab } from '../../../src/lab/lab.ts'

const ATTACKS = readFileSync(new URL('object-lock-attack.py', import.meta.url), 'utf8')
export const URL_OF_STORE = 'http://127.0.0.1:17480/'
const ACCOUNTS = ['control-plane', 'trino', 'unknown', 'nobody']

interface Attempt {
  readonly attack: string
  readonly as: string
  readonly answer: string
  readonly held: true | string
}

/** Runs one line as root of the store's host and returns what it printed. */
export type OnStore = (line: string, input?: string) => Promise<string>

export function onStore(lab: Lab): OnStore {
  return async (line, input) => {
    const { code, stdout, stderr } = await labRun(lab, hostNamed(lab, 'h1'), line, input)
    assert.equal(code, 0, `${line}\n${stdout}${stderr}`)
    return stdout
  }
}

/** A line that runs a program of the store's image as root, with the accounts' keys below /keys. */
export function tool(image: string, ...words: string[]): string {
  const folders = ['/etc/sallyport/secrets:/keys:ro', '/etc/sallyport/pki/ca.pem:/etc/ssl/certs/ca-certificates.crt:ro']
  const confined = '--pull=never --network=host --user=0:0 --cap-drop=all --read-only --log-driver=none'
  return `podman run --rm --interactive ${confined} ${folders.map((one) => `--volume=${one}`).join(' ')} --entrypoint=/usr/bin/env ${image} ${words.join(' ')}`
}

/** The reference of the image that a container of the store runs. */
export async function imageOf(run: OnStore, container: string): Promise<string> {
  return (await run(`podman inspect --format '{{.ImageName}}' ${container}`)).trim()
}

export async function attacked(run: OnStore, image: string): Promise<Attempt[]> {
  const printed = await run(tool(image, 'python3', '-', URL_OF_STORE, 'audit'), ATTACKS)
  return printed.trim().split('\n').map((line) => JSON.parse(line) as Attempt)
}

export function judge(store: string, attempts: readonly Attempt[]): void {
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

export function keysOf(account: string): string {
  return ['access', 'secret'].map((part) => `--volume=/etc/sallyport/secrets/object-store-${account}.${part}:/keys/${part}:ro`).join(' ')
}

/** Reads, writes, lists and removes in the bucket `lake`; is refused another bucket, the policy, and buckets of its own. */
export async function reaches(run: OnStore, image: string): Promise<void> {
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
