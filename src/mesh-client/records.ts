import { readFile, readdir, stat } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { fault } from './codes.ts'

export type DataRecord = Readonly<Record<string, unknown>>

/** More than these are not listed: the first ones tell what is wrong. */
const MAX_FAULTS = 50

/**
 * Records of a file or of a folder's files (`.json`: an array of objects or one object; `.jsonl`, `.ndjson`: one object
 * a line), in the order of their names. Throws E_DATA with every line that is no record.
 */
export async function readRecords(path: string): Promise<DataRecord[]> {
  const files = (await stat(path)).isDirectory() ? await filesOf(path) : [path]
  const faults: string[] = []
  const records: DataRecord[] = []
  for (const file of files) {
    const text = await readFile(file, 'utf8')
    const values = extname(file) === '.json' ? whole(text, file, faults) : lines(text, file, faults)
    for (const { value, at } of values) {
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) records.push(value as DataRecord)
      else faults.push(`${at}: is no JSON object`)
    }
  }
  if (faults.length > 0)
    throw fault('E_DATA', `${faults.length} place(s) of ${path} are no records`, { faults: faults.slice(0, MAX_FAULTS) })
  if (records.length === 0) throw fault('E_DATA', `there are no records in ${path}`)
  return records
}

const EXTENSIONS = new Set(['.json', '.jsonl', '.ndjson'])

async function filesOf(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => EXTENSIONS.has(extname(name)))
  return names.toSorted().map((name) => join(folder, name))
}

interface Found {
  readonly value: unknown
  readonly at: string
}

function whole(text: string, file: string, faults: string[]): Found[] {
  try {
    const value = JSON.parse(text) as unknown
    if (!Array.isArray(value)) return [{ value, at: file }]
    return value.map((one: unknown, index) => ({ value: one, at: `${file}[${index}]` }))
  } catch (error) {
    faults.push(`${file}: ${(error as Error).message}`)
    return []
  }
}

function lines(text: string, file: string, faults: string[]): Found[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return []
    const at = `${file}:${index + 1}`
    try {
      return [{ value: JSON.parse(line) as unknown, at }]
    } catch (error) {
      faults.push(`${at}: ${(error as Error).message}`)
      return []
    }
  })
}
