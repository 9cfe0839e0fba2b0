import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fault } from '../codes.ts'
import { walkPolicies } from '../../bundle/policy-chain.ts'
import type { Policy } from '../../bundle/policy.ts'
import type { Floors } from '../floor/floors.ts'
import { readLaterPolicies } from '../site/policies.ts'
import { readSite, siteFile } from '../site/read.ts'
import { readRecord } from '../site/record.ts'
import { listSecrets, type Secret } from '../site/secrets.ts'
import { publicFiles } from '../site/settings.ts'
import type { Site } from '../site/site.ts'

/** All that the folder of a site says, read once. */
export interface SiteFiles {
  readonly folder: string
  readonly site: Site
  /** Exact text of site.yaml, and its sha512. */
  readonly text: string
  readonly digest: string
  /** In force: the last of the chain that begins with the one that the card names. */
  readonly policy: Policy
  readonly policyBytes: Buffer
  readonly laterPolicies: readonly Buffer[]
  readonly roots: string
  readonly record: Floors
  /** Text of the public files that site.yaml names (certificates of partners and of the directory), by that name. */
  readonly named: Readonly<Record<string, string>>
  readonly secrets: readonly Secret[]
}

/** Throws E_SITE_INVALID, and the policy's own codes when it is not the one whose digest site.yaml carries. */
export async function readSiteFiles(folder: string): Promise<SiteFiles> {
  const { site, folder: absolute } = await readSite(folder)
  const text = await readFile(join(absolute, 'site.yaml'), 'utf8')
  const policyBytes = await readFile(siteFile(absolute, site.trust.policy))
  const laterPolicies = await readLaterPolicies(absolute)
  return {
    folder: absolute,
    site,
    text,
    digest: createHash('sha512').update(text).digest('hex'),
    policy: walkPolicies([policyBytes, ...laterPolicies], { digest: site.trust.sha512 }),
    policyBytes,
    laterPolicies,
    roots: await readFile(siteFile(absolute, site.pki.roots), 'utf8'),
    record: await readRecord(absolute),
    named: await namedFiles(absolute, site),
    secrets: await listSecrets(absolute),
  }
}

async function namedFiles(folder: string, site: Site): Promise<Record<string, string>> {
  const faults: string[] = []
  const texts: Record<string, string> = {}
  for (const name of publicFiles(site)) {
    const text = await readFile(siteFile(folder, name), 'utf8').catch((error: NodeJS.ErrnoException) => void faults.push(`${name}: ${error.code ?? error.message}`))
    if (text === undefined) continue
    if (text.includes('PRIVATE KEY')) faults.push(`${name}: holds a private key`)
    texts[name] = text
  }
  if (faults.length > 0) throw fault('E_SITE_INVALID', `files that site.yaml names cannot be used`, { faults })
  return texts
}
