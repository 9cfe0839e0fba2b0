import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readStatementBytes } from '../bundle/bundle.ts'
import { blobPath } from '../bundle/layout.ts'
import { parseStatement, type Statement } from '../bundle/statement.ts'
import { parseTree, type TreeEntry } from '../bundle/tree.ts'

/** A bundle that was built or verified on this machine, as far as a trial needs it. */
export interface TriedBundle {
  readonly folder: string
  readonly statement: Statement
  readonly bytes: Buffer
  /** sha512 of bundle.json. */
  readonly digest: string
}

export async function readTried(folder: string): Promise<TriedBundle> {
  const { bytes, digest } = await readStatementBytes(folder)
  return { folder, statement: parseStatement(bytes), bytes: Buffer.from(bytes), digest }
}

/** The files of a mirror. */
export async function treeOf(bundle: TriedBundle, sha256: string, what: string): Promise<TreeEntry[]> {
  return parseTree(await readFile(join(bundle.folder, blobPath(sha256))), what)
}

/** Whether a release can be installed as it is: by playbooks, and by an executable of its own. */
export function installs({ statement }: TriedBundle): boolean {
  return statement.kind === 'release' && statement.installer !== null && statement.iac.some(({ kind }) => kind === 'ansible')
}
