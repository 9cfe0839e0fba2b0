import type { Dirent } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { X509Certificate } from 'node:crypto'
import { pemBlocks } from './pem.ts'
import { x509 } from './x509.ts'

/** What a PKI sends for one file: a leaf, its chain, perhaps a whole catalogue; never megabytes. */
const MAX_FILE = 4 * 1024 * 1024
const MAX_FILES = 20_000
const MAX_DEPTH = 4

export interface Received {
  /** Path within the folder. */
  readonly file: string
  readonly certificate: X509Certificate
}

export interface Inbox {
  readonly certificates: readonly Received[]
  /** Files with revocation lists in them: they are taken by another command. */
  readonly lists: readonly string[]
  readonly faults: readonly string[]
}

/**
 * Reads every certificate in a folder and its sub-folders, whatever the files are called: PEM, DER, several in one file, PKCS#7
 * bundles. What cannot be read is named, and the rest is read.
 */
export async function readInbox(folder: string): Promise<Inbox> {
  const certificates: Received[] = []
  const lists: string[] = []
  const faults: string[] = []
  const files = await filesIn(folder)
  if (files.length > MAX_FILES) faults.push(`${folder} holds ${files.length} files: only the first ${MAX_FILES} were read`)
  for (const path of files.slice(0, MAX_FILES)) {
    const file = relative(folder, path)
    try {
      const content = await bounded(path)
      const found = certificatesOf(content)
      certificates.push(...found.map((certificate) => ({ file, certificate })))
      const isList = content.includes('-----BEGIN X509 CRL-----') || (found.length === 0 && isDerList(content))
      if (isList) lists.push(file)
      else if (found.length === 0) faults.push(`${file}: no certificate in it`)
      if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(content.toString('latin1')))
        faults.push(`${file}: a private key is in it; keys are made on their hosts and nowhere else`)
    } catch (error) {
      faults.push(`${file}: ${(error as Error).message}`)
    }
  }
  return { certificates, lists, faults }
}

async function filesIn(folder: string, depth = 0): Promise<string[]> {
  const entries: Dirent[] = await readdir(folder, { withFileTypes: true })
  const found: string[] = []
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name)
    if (entry.isDirectory() && depth < MAX_DEPTH) found.push(...(await filesIn(path, depth + 1)))
    else if (entry.isFile()) found.push(path)
  }
  return found
}

async function bounded(path: string): Promise<Buffer> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    if (size > MAX_FILE) throw new Error(`larger than ${MAX_FILE} bytes, no certificate is`)
    return await file.readFile()
  } finally {
    await file.close()
  }
}

function certificatesOf(content: Buffer): X509Certificate[] {
  const text = content.toString('latin1')
  if (text.includes('-----BEGIN ')) {
    const bundles = [...pemBlocks(text, 'PKCS7'), ...pemBlocks(text, 'CMS')].flatMap((block) => bundled(block))
    const plain = [...pemBlocks(text, 'CERTIFICATE'), ...pemBlocks(text, 'TRUSTED CERTIFICATE')].map((block) => new X509Certificate(block))
    const begun = text.split('-----BEGIN CERTIFICATE-----').length - 1
    if (begun > plain.length) throw new Error('cut off within a certificate')
    return [...plain, ...bundles]
  }
  try {
    return [new X509Certificate(content)]
  } catch {
    return isDerList(content) ? [] : bundled(content)
  }
}

function bundled(source: string | Buffer): X509Certificate[] {
  try {
    return [...new x509.X509Certificates(source)].map((one) => new X509Certificate(Buffer.from(one.rawData)))
  } catch {
    throw new Error('neither a certificate nor a bundle of certificates, or cut off')
  }
}

function isDerList(content: Buffer): boolean {
  try {
    return content[0] === 0x30 && new x509.X509Crl(content).issuer !== undefined
  } catch {
    return false
  }
}
