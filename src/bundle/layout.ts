/**
 * Names of a bundle, the only place that knows them.
 *
 *     mesh-1.0.0/
 *       bundle.json                        the statement: its exact bytes are signed
 *       signatures/<keyId>.mldsa87.sig     detached, raw bytes
 *       signatures/<keyId>.p384.sig        detached, DER
 *       approvals/<id>.json                what an accreditor approves
 *       approvals/<id>.<keyId>.<algorithm>.sig
 *       SHA512SUMS                         every file but itself, bundle.json, signatures/ and approvals/
 *       oci-layout  index.json             OCI image layout 1.0.0
 *       blobs/sha256/<hex>
 *       docs/  evidence/                   plain files
 *       README.txt
 *       sallyport                          the installer
 */
export const LAYOUT = {
  statement: 'bundle.json',
  signatures: 'signatures',
  approvals: 'approvals',
  sums: 'SHA512SUMS',
  ociLayout: 'oci-layout',
  index: 'index.json',
  blobs: 'blobs/sha256',
  docs: 'docs',
  evidence: 'evidence',
  readme: 'README.txt',
  installer: 'sallyport',
} as const

/** Path of a blob inside a bundle or a content store. */
export function blobPath(sha256: string): string {
  return `${LAYOUT.blobs}/${sha256}`
}

/** True for what SHA512SUMS does not list because a signature, or nothing, covers it. */
export function isUnlisted(path: string): boolean {
  return (
    path === LAYOUT.statement ||
    path === LAYOUT.sums ||
    path.startsWith(`${LAYOUT.signatures}/`) ||
    path.startsWith(`${LAYOUT.approvals}/`)
  )
}

/** Upper bounds of what a reader takes into memory, in bytes unless named otherwise. */
export const LIMITS = {
  statement: 1 << 20,
  policy: 4 << 20,
  signature: 8 << 10,
  signatureFiles: 64,
  approval: 64 << 10,
  approvalFiles: 192,
  sums: 32 << 20,
  contents: 64 << 20,
  tree: 32 << 20,
  treeEntries: 100_000,
  blobs: 100_000,
  imageManifest: 4 << 20,
  /** README.txt: no size of it is signed. */
  unboundFile: 16 << 20,
  /** A directory listing stops here, so that a hostile medium cannot fill memory. */
  files: 120_000,
} as const
