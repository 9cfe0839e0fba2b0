import { createHash } from 'node:crypto'
import { lstat, mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ioFault } from '../bundle/io.ts'
import type { LinkedFile } from '../evidence/oscal/document.ts'
import type { Assessment } from './assessment.ts'
import { checklist } from './documents/cklb.ts'
import { assessmentPlan } from './documents/oscal-plan.ts'
import { assessmentResults, type Claims } from './documents/oscal-results.ts'
import { assessmentSheet } from './documents/sheet.ts'
import { xccdfResults } from './documents/xccdf.ts'

/**
 * Every document of an assessment, by its path in the folder:
 *
 *     assessment.txt                  a page to be read, printed and signed
 *     oscal/assessment-results.json   and assessment-plan.json, which it names
 *     xccdf-results-<host>.xml        one a host, as tools load them
 *     checklist-<host>.cklb
 *     observed/<host>.json            what the host answered, exactly as it was judged
 *     SHA512SUMS
 */
export function documentsOf(assessment: Assessment, claims?: Claims): ReadonlyMap<string, Buffer> {
  const files = new Map<string, Buffer>()
  for (const { name, observed } of assessment.hosts) if (observed !== undefined) files.set(`observed/${name}.json`, Buffer.from(`${JSON.stringify(observed, null, 1)}\n`))
  const seen: LinkedFile[] = [...files].map(([path, bytes]) => ({ path, sha512: sha512(bytes) }))
  files.set('oscal/assessment-plan.json', assessmentPlan(assessment))
  files.set('oscal/assessment-results.json', assessmentResults(assessment, seen, claims))
  for (const host of assessment.hosts) {
    files.set(`xccdf-results-${host.name}.xml`, xccdfResults(assessment, host))
    files.set(`checklist-${host.name}.cklb`, checklist(assessment, host))
  }
  files.set('assessment.txt', assessmentSheet(assessment))
  const sums = [...files].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([path, bytes]) => `${sha512(bytes)}  ${path}\n`)
  files.set('SHA512SUMS', Buffer.from(sums.join('')))
  return files
}

/** Throws E_FILE_UNREADABLE when something has this name: an assessment is kept as it was. */
export async function assertAbsent(folder: string): Promise<void> {
  if (await lstat(folder).catch(() => undefined)) throw ioFault(Object.assign(new Error(`${folder} is there already`), { code: 'EEXIST' }), `making ${folder}`)
}

/** Writes a new folder; an existing one is left alone. */
export async function writeDocuments(folder: string, documents: ReadonlyMap<string, Buffer>): Promise<void> {
  try {
    await mkdir(dirname(folder), { recursive: true })
    await mkdir(folder)
    for (const [path, bytes] of documents) {
      const target = join(folder, path)
      await mkdir(dirname(target), { recursive: true })
      await writeFile(target, bytes, { flag: 'wx' })
    }
  } catch (error) {
    throw ioFault(error, `writing ${folder}`)
  }
}

const sha512 = (bytes: Uint8Array): string => createHash('sha512').update(bytes).digest('hex')
