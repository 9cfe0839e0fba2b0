import { existsSync } from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'
import { Document, isMap, isScalar, isSeq, visit } from 'yaml'
import { ioFault } from '../../bundle/io.ts'
import { fault } from '../codes.ts'
import { readDocument } from '../images/document.ts'
import { shown } from '../definition/chain.ts'
import { SOURCE_KINDS } from '../sources/source.ts'
import { LOCK_VERSION, filesDigest, type Lock } from './lock.ts'

const hex = (length: number): object => ({ type: 'string', pattern: `^[0-9a-f]{${length}}$` })
const text = { type: 'string' } as const
const texts = { type: 'object', additionalProperties: text } as const
const size = { type: 'integer', minimum: 0 } as const
const kind = { enum: SOURCE_KINDS } as const

function closed(properties: Record<string, unknown>, optional: readonly string[] = []): object {
  const required = Object.keys(properties).filter((key) => !optional.includes(key))
  return { type: 'object', properties, required, additionalProperties: false }
}

const SCHEMA = closed({
  lockVersion: { const: LOCK_VERSION },
  name: text,
  version: text,
  created: { type: 'string', pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}Z$' },
  definition: closed({ digest: hex(128), files: { type: 'object', additionalProperties: hex(128) } }),
  requests: {
    type: 'array',
    items: closed({
      kind,
      request: hex(64),
      for: { type: 'array', items: text },
      items: { type: 'array', items: text },
    }),
  },
  items: {
    type: 'array',
    items: closed(
      {
        kind,
        name: text,
        version: text,
        path: text,
        upstream: text,
        attributes: texts,
        size,
        sha256: hex(64),
        sha512: hex(128),
      },
      ['upstream', 'attributes'],
    ),
  },
  outputs: {
    type: 'object',
    additionalProperties: closed({ inputs: hex(64), layer: closed({ sha256: hex(64), sha512: hex(128), size }) }),
  },
})

/** The lock, or undefined when there is none yet. Throws E_LOCK_INVALID with every fault. */
export async function readLock(file: string): Promise<Lock | undefined> {
  if (!existsSync(file)) return undefined
  const { value, faults } = await readDocument<Lock>(shown(file), SCHEMA)
  if (value === undefined) throw fault('E_LOCK_INVALID', `The lock ${shown(file)} cannot be read.`, { faults })
  const digest = filesDigest(value.definition.files)
  if (digest !== value.definition.digest)
    throw fault('E_LOCK_INVALID', `The lock ${shown(file)} was edited: its digest does not fit its list of files.`, {
      expected: `sha512:${value.definition.digest}`,
      found: `sha512:${digest}`,
    })
  return value
}

const HEADER =
  ' Written by sallyport build. Every input of the bundle and the digest of every result that cannot be made again.\n'

/** YAML in one stable form: the same lock gives the same bytes. One line for each item. */
export function lockText(lock: Lock): string {
  const document = new Document({
    lockVersion: lock.lockVersion,
    name: lock.name,
    version: lock.version,
    created: lock.created,
    definition: lock.definition,
    requests: lock.requests,
    items: lock.items.map(({ kind: of, name, version, path, upstream, attributes, size: bytes, sha256, sha512 }) => ({
      kind: of,
      name,
      version,
      path,
      ...(upstream === undefined ? {} : { upstream }),
      ...(attributes === undefined ? {} : { attributes }),
      size: bytes,
      sha256,
      sha512,
    })),
    outputs: lock.outputs,
  })
  document.commentBefore = HEADER.trimEnd()
  visit(document, {
    Map: (_, node, path) => {
      if (path.filter((one) => isSeq(one)).length > 0) node.flow = true
    },
    Seq: (_, node) => {
      if (node.items.length === 0 || isScalar(node.items[0])) node.flow = true
    },
    Pair: (_, pair) => {
      if (isMap(pair.value) && pair.value.items.length === 0) pair.value.flow = true
    },
  })
  return document.toString({ lineWidth: 0, flowCollectionPadding: false })
}

/** Replaces the lock as a whole, or leaves the old one. Throws E_DISK_FULL, E_FILE_UNREADABLE. */
export async function writeLock(file: string, lock: Lock): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`
  try {
    await writeFile(temporary, lockText(lock), { flag: 'wx', flush: true })
    await rename(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true })
    throw ioFault(error, `writing ${shown(file)}`)
  }
}
