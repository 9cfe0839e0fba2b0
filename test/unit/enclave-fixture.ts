import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { stringify } from 'yaml'
import { ContentStore } from '../../src/bundle/store.ts'
import { planFiles, type EngineContext } from '../../src/enclave/engine/context.ts'
import { hostPaths, type HostPaths } from '../../src/enclave/paths.ts'
import { serialisePlan, type Plan } from '../../src/enclave/plan/plan.ts'
import { parseSite } from '../../src/enclave/site/read.ts'
import type { Site } from '../../src/enclave/site/site.ts'
import { sha512 } from '../../src/bundle/digest.ts'
import { CEILING, NOW, temporary } from './bundle-fixture.ts'

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFUQ1JDgCE+ZAIaMhHaVzxiwJSAECkXym72JF65CUmzl'

/** The text of a site with one host; `change` replaces members. */
export function siteText(change: Readonly<Record<string, unknown>> = {}): string {
  return stringify({
    apiVersion: 'sallyport/v1',
    kind: 'site',
    id: '7e3f2b0a-64a5-4d4c-9d8e-0d7c7f5a1b11',
    name: 'demo',
    domain: 'demo.example',
    ceiling: 'SECRET',
    labels: { policy: CEILING.policy, version: CEILING.policyVersion, levels: CEILING.levels },
    trust: { policy: 'trust-policy.json', sha512: 'a'.repeat(128) },
    operator: { user: 'root' },
    hosts: [{ name: 'h1', address: '192.0.2.10', port: 22, hostKeys: [KEY], roles: ['depot', 'control-plane'] }],
    pki: { mode: 'delegated-ca', roots: 'pki/root.pem', issuing: { certificate: 'pki/issuing.pem', key: 'pki/issuing-key.pem' }, days: 365 },
    backup: { directory: '/var/backups/sallyport', keep: 3 },
    validUntil: { stretchDays: 180, reason: 'a mirror crosses the gap months later' },
    audit: { retentionDays: 90 },
    people: [],
    ...change,
  }, { aliasDuplicateObjects: false })
}

export function siteOf(change: Readonly<Record<string, unknown>> = {}): Site {
  return parseSite(siteText(change), 'site.yaml')
}

/** A folder of a site on a station, whose card names this policy. */
export async function siteFolder(t: Pick<TestContext, 'after'>, { policy, digest }: { policy: Uint8Array; digest: string }): Promise<string> {
  const folder = await temporary(t)
  await mkdir(join(folder, 'pki'))
  await writeFile(join(folder, 'pki/root.pem'), '')
  await writeFile(join(folder, 'trust-policy.json'), policy)
  await writeFile(join(folder, 'site.yaml'), siteText({ trust: { policy: 'trust-policy.json', sha512: digest } }))
  return folder
}

/** Folder of a plan on a host whose root is `root`, with the plan and its site in it. */
export async function planFolder(root: string, plan: (siteDigest: string) => Plan, siteChange: Readonly<Record<string, unknown>> = {}) {
  const paths = hostPaths(root)
  const text = siteText(siteChange)
  const made = plan(sha512(Buffer.from(text)))
  const id = '0123456789abcdef01234567'
  const files = planFiles(paths, id)
  await mkdir(files.folder, { recursive: true })
  await writeFile(files.plan, serialisePlan(made))
  await writeFile(files.site, text)
  return { paths, id, files, plan: made, site: parseSite(text, 'site.yaml') }
}

/** What the engine hands to an action. */
export function contextOf(host: { paths: HostPaths; id: string; plan: Plan; site: Site }): EngineContext {
  return {
    ...host,
    folder: join(host.paths.journal, host.id),
    store: new ContentStore(host.paths.store),
    files: new Map(),
    attempt: 1,
    now: () => NOW,
    progress: () => {},
  }
}
