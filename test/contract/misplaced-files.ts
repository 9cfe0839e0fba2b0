import { execFileSync } from 'node:child_process'
import { copyFileSync, linkSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a medium may hold that no signature speaks of: links, devices, names beside the right ones. */
export interface Misplaced {
  readonly name: string
  /** Changes a whole bundle in `folder`; `outside` is a folder beside it. */
  readonly change: (folder: string, outside: string) => void
}

const SIGNATURE = '0123456789abcdef.p384.sig'

/** A file, or folder, moved aside and a link to it in its place: every byte reads as before. */
const linked = (path: string): Misplaced => ({
  name: `${path} is a link to the same bytes`,
  change: (folder, outside) => {
    const aside = join(outside, path.replaceAll('/', '-'))
    renameSync(join(folder, path), aside)
    symlinkSync(aside, join(folder, path))
  },
})

const special = (kind: string, path: string, words: readonly string[]): Misplaced => ({
  name: `${path} is ${kind}`,
  change: (folder) => {
    rmSync(join(folder, path), { force: true, recursive: true })
    execFileSync('mknod', [join(folder, path), ...words])
  },
})

const extra = (path: string | Buffer, name = JSON.stringify(String(path))): Misplaced => ({
  name: `the file ${name} that nothing lists`,
  change: (folder) => {
    if (typeof path === 'string') mkdirSync(join(folder, path, '..'), { recursive: true })
    writeFileSync(typeof path === 'string' ? join(folder, path) : Buffer.concat([Buffer.from(`${folder}/`), path]), 'x')
  },
})

const emptyFolder = (path: string): Misplaced => ({ name: `the folder ${JSON.stringify(path)}`, change: (folder) => void mkdirSync(join(folder, path), { recursive: true }) })
const link = (path: string, target: string): Misplaced => ({ name: `a link ${path} to ${target}`, change: (folder) => (mkdirSync(join(folder, path, '..'), { recursive: true }), symlinkSync(target, join(folder, path))) })

const firstBlob = (folder: string): string => `blobs/sha256/${readdirSync(join(folder, 'blobs/sha256'))[0] ?? ''}`

export const MISPLACED: readonly Misplaced[] = [
  ...['docs/runbook.md', 'README.txt', 'sallyport', 'oci-layout', 'index.json', 'SHA512SUMS', 'bundle.json', 'docs', 'evidence', 'blobs', 'blobs/sha256'].map(linked),
  {
    name: 'a blob is a link to the same bytes',
    change: (folder, outside) => linked(firstBlob(folder)).change(folder, outside),
  },
  {
    name: 'a signature is a link to the same bytes',
    change: (folder, outside) => linked(`signatures/${readdirSync(join(folder, 'signatures'))[0] ?? ''}`).change(folder, outside),
  },
  ...['docs/runbook.md', 'README.txt', 'bundle.json', 'SHA512SUMS', 'index.json'].flatMap((path) => [special('a pipe', path, ['p']), special('an endless device', path, ['c', '1', '5'])]),
  special('a pipe', 'docs/pipe', ['p']),
  special('a device', 'docs/disk', ['b', '7', '0']),
  special('a pipe', `signatures/${SIGNATURE}`, ['p']),
  special('an endless device', `signatures/${SIGNATURE}`, ['c', '1', '5']),
  special('a pipe', 'approvals', ['p']),
  link('docs/passwd', '/etc/passwd'),
  link('docs/nowhere', '/nonexistent'),
  link('docs/itself', 'itself'),
  link('docs/up', '../..'),
  link('etc', '/etc'),
  link(`signatures/${SIGNATURE}`, '/etc/passwd'),
  link('approvals', '/tmp'),
  link('approvals/0123456789abcdef.json', '/etc/passwd'),
  ...['autorun.inf', 'desktop.ini', 'Thumbs.db', '.DS_Store', '._README.txt', '.hidden', 'setup.exe', 'bundle.json.bak', 'bundle.json~', 'README.TXT', 'Bundle.json', 'BUNDLE.JSON', 'sha512sums', 'Sallyport'].map((path) => extra(path)),
  ...['docs/RUNBOOK.md', 'Docs/runbook.md', 'docs/runbook.md ', 'docs/runbook.md.', 'docs/runbook.md:stream', 'docs/nul', 'docs/con.md', 'docs/..hidden', 'docs/... ', 'docs/a\\..\\b', 'docs/a\nb', 'docs/\u001b[2J', 'docs/\u202egpj.exe', 'docs/run\u200bbook.md', 'docs/rünbook.md'].map((path) => extra(path)),
  extra(Buffer.from([0x61, 0xff, 0x62]), 'of bytes that are no text'),
  extra(`docs/${'x'.repeat(255)}`, 'with the longest name'),
  extra(`docs/${'d/'.repeat(200)}x`, 'in 200 folders'),
  ...['blobs/x', 'blobs/sha512/x', `blobs/sha256/${'0'.repeat(64)}`, `blobs/sha256/${'A'.repeat(64)}`, 'blobs/sha256/x/y', 'blobs/sha256/.tmp'].map((path) => extra(path)),
  ...['signatures/x', `signatures/${SIGNATURE}.bak`, 'signatures/0123456789ABCDEF.p384.sig', 'signatures/0123456789abcdef.rsa.sig', 'signatures/sub/x', 'signatures/.x', 'approvals/x', 'approvals/0123456789abcdef.json.sig', 'approvals/sub/x', 'Signatures/x', 'Approvals/x'].map((path) => extra(path)),
  ...['mirrors', 'docs/empty', 'evidence/a/b/c', 'blobs/sha256/empty', '.git', 'signatures/sub', 'approvals/sub'].map(emptyFolder),
  {
    name: 'a listed file stands under another case',
    change: (folder) => renameSync(join(folder, 'docs/runbook.md'), join(folder, 'docs/Runbook.md')),
  },
  {
    name: 'a listed file stands in another folder',
    change: (folder) => renameSync(join(folder, 'docs/runbook.md'), join(folder, 'evidence/runbook.md')),
  },
  {
    name: 'a listed file is a folder',
    change: (folder) => (rmSync(join(folder, 'docs/runbook.md')), mkdirSync(join(folder, 'docs/runbook.md'))),
  },
  {
    name: 'a folder is a file',
    change: (folder) => (rmSync(join(folder, 'docs'), { recursive: true }), writeFileSync(join(folder, 'docs'), 'x')),
  },
  {
    name: 'a blob has a copy under an upper-case name',
    change: (folder) => copyFileSync(join(folder, firstBlob(folder)), join(folder, 'blobs/sha256', (firstBlob(folder).split('/').at(-1) ?? '').toUpperCase())),
  },
]

/** Unusual, and right: a hard link is a file. */
export const IN_PLACE: readonly Misplaced[] = [
  {
    name: 'a file is a hard link to the same bytes',
    change: (folder, outside) => {
      renameSync(join(folder, 'docs/runbook.md'), join(outside, 'hard'))
      linkSync(join(outside, 'hard'), join(folder, 'docs/runbook.md'))
    },
  },
  { name: 'approvals/ is empty', change: (folder) => void mkdirSync(join(folder, 'approvals')) },
]
