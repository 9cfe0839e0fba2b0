import { createHash } from 'node:crypto'
import { Fault } from '../bundle/fault.ts'
import type { BlobRef } from '../bundle/digest.ts'
import type { Statement } from '../bundle/statement.ts'
import { parseTree, type TreeEntry } from '../bundle/tree.ts'
import { folderOf } from '../enclave/depot/layout-release.ts'
import { imageFiles, mediaTypeMap, type ServedFile } from '../enclave/depot/oci.ts'
import type { Services } from './declared.ts'
import type { Asked, ReleaseFiles } from './observe/facts.ts'

export interface Served {
  readonly faults: readonly string[]
  readonly files: number
}

const SERVICES = 'group_vars/all/services.json'
const OBSERVER = 'roles/node_exporter/files/observe'
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** What to ask the depot for: signed lists of files, and the text of services.json. */
export function questionOf({ iac, mirrors }: Statement): { readonly trees: readonly string[]; readonly text: string | null } {
  const ansible = iac.find(({ kind }) => kind === 'ansible')
  return { trees: [...iac, ...mirrors].map(({ tree }) => tree.sha256), text: ansible === undefined ? null : `iac/${ansible.name}/${SERVICES}` }
}

/** Holds what lies on the depot against what the statement signs. */
export async function judgeServed(statement: Statement, statementSha256: string, found: ReleaseFiles): Promise<{ served: Asked<Served>; services: Asked<Services>; observer: string | undefined }> {
  try {
    const expected = new Map<string, string>([['bundle.json', statementSha256]])
    let ansible: readonly TreeEntry[] = []
    for (const { name, kind, tree } of statement.iac) {
      const entries = treeOf(tree, found)
      if (kind === 'ansible') ansible = entries
      for (const { path, sha256: digest } of entries) expected.set(`iac/${name}/${path}`, digest)
    }
    for (const { ecosystem, tree } of statement.mirrors) for (const { path, sha256: digest } of treeOf(tree, found)) expected.set(`${folderOf(ecosystem)}/${path}`, digest)
    const images: ServedFile[] = []
    for (const image of statement.images) images.push(...(await imageFiles({ bytes: async (digest) => signedBytes(digest, found.manifests[digest], 'a manifest of an image') }, image)))
    for (const { path, sha256: digest } of images) expected.set(`oci/${path}`, digest)
    expected.set('oci-types.map', sha256(Buffer.from(mediaTypeMap(images))))
    return { served: { answer: compare(expected, found) }, services: servicesIn(ansible, found), observer: ansible.find(({ path }) => path === OBSERVER)?.sha256 }
  } catch (error) {
    if (!(error instanceof Fault) && !(error instanceof SyntaxError)) throw error
    const why = `what the release signs cannot be read on the depot: ${error.message}`
    return { served: { answer: { faults: [why], files: 0 } }, services: { why }, observer: undefined }
  }
}

function compare(expected: ReadonlyMap<string, string>, { files, others }: ReleaseFiles): Served {
  const faults = others.map((path) => `${path} is neither a file nor a folder`)
  for (const [path, digest] of expected) {
    const there = files[path]
    if (there === undefined) faults.push(`${path} is missing`)
    else if (there !== digest) faults.push(`${path} has sha256 ${there}, signed is ${digest}`)
  }
  for (const path of Object.keys(files)) if (!expected.has(path)) faults.push(`${path} is not of the release`)
  return { faults, files: Object.keys(files).length }
}

function treeOf({ sha256: digest }: BlobRef, { trees }: ReleaseFiles): TreeEntry[] {
  return parseTree(signedBytes(digest, trees[digest], 'a list of files'), 'a list of files')
}

function signedBytes(digest: string, base64: string | null | undefined, what: string): Buffer {
  const bytes = Buffer.from(base64 ?? '', 'base64')
  if (base64 === null || base64 === undefined || sha256(bytes) !== digest) throw new SyntaxError(`${what}, sha256 ${digest}, is ${base64 ? 'another' : 'absent'}`)
  return bytes
}

function servicesIn(ansible: readonly TreeEntry[], { text }: ReleaseFiles): Asked<Services> {
  const signed = ansible.find(({ path }) => path === SERVICES)
  if (signed === undefined) return { why: 'the release declares no services' }
  const bytes = Buffer.from(text ?? '', 'base64')
  if (sha256(bytes) !== signed.sha256) return { why: 'services.json on the depot is not the one that the release signs' }
  return { answer: (JSON.parse(bytes.toString('utf8')) as { services: Services }).services }
}
