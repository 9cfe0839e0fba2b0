/** What is claimed of one control of NIST SP 800-53 revision 5, and what shows it. */
export interface ControlClaim {
  /** As the OSCAL catalog names it. */
  readonly control: string
  readonly claim: string
  /** Made only of a bundle whose infrastructure has this service. */
  readonly service?: string
  /** Files of the bundle. A claim is made only when at least one file or test is at hand. */
  readonly files: readonly string[]
  /** Files of the source that show it on the real thing. */
  readonly tests: readonly string[]
}

/**
 * The control map. A claim says what the software does, never what a site has decided: whether a control is met is the
 * site's to say. Each names what shows it; a test holds this list against the files.
 */
export const CONTROL_CLAIMS: readonly ControlClaim[] = [
  {
    control: 'si-7',
    claim: 'Every byte of a bundle is compared with a signed list before anything of it is used; a changed, missing or additional file is refused and named.',
    files: ['docs/format.md'],
    tests: ['test/unit/bundle-verify.test.ts', 'test/journeys/04-damage.test.ts'],
  },
  {
    control: 'cm-14',
    claim: 'Software is taken only when the persons that the trust policy of the site asks for have signed it, each with ML-DSA-87 and ECDSA P-384. Signatures are checked before anything is parsed.',
    files: ['docs/format.md'],
    tests: ['test/unit/bundle-decide.test.ts', 'test/journeys/03-verify-without-us.test.ts'],
  },
  {
    control: 'cm-8',
    claim: 'An inventory of every package, and of every file of each image, comes with the bundle.',
    files: ['evidence/sbom.cdx.json', 'docs/evidence.md'],
    tests: ['test/unit/evidence-image.test.ts'],
  },
  {
    control: 'sr-4',
    claim: 'Which inputs an image was made from, each with digests, is stated in a SLSA provenance statement and in the lock.',
    files: ['evidence/provenance.json', 'evidence/bundle.lock.yaml'],
    tests: ['test/unit/connected-build.test.ts', 'test/journeys/02-build.test.ts'],
  },
  {
    control: 'ra-5',
    claim: 'Known vulnerabilities of the packages are told from dated data sets, with the reason where one is said not to matter.',
    files: ['evidence/advisories.cdx.json', 'evidence/advisories/index.json'],
    tests: [],
  },
  {
    control: 'cm-3.2',
    claim: 'What a new release changes in ports, callers, accounts, privileges, settings and packages is told before it is installed.',
    files: ['docs/guides/accreditor.md'],
    tests: ['test/unit/evidence-diff.test.ts'],
  },
  {
    control: 'cm-3',
    claim: 'Where the trust policy asks for accreditors, a plan runs only when as many persons have approved this bundle for this site and this very plan; approvals of something else, ended or by a revoked key do not count.',
    files: ['docs/format.md'],
    tests: ['test/unit/approvals-matrix.test.ts', 'test/journeys/25-countersigned.test.ts'],
  },
  {
    control: 'cm-7',
    claim: 'Ports, protocols and callers of every service stand in one list from which the configuration is made.',
    service: 'proxy',
    files: ['docs/reference/ports.md', 'evidence/tables/ports.csv'],
    tests: ['test/unit/services.test.ts'],
  },
  {
    control: 'ac-6',
    claim: 'Services run as accounts of their own in containers without capabilities, on read-only file systems.',
    service: 'proxy',
    files: ['docs/security-model.md'],
    tests: ['test/unit/services-quadlets.test.ts'],
  },
  {
    control: 'sc-8',
    claim: 'Services speak to each other over TLS 1.3 with certificates of the organisation on both sides.',
    service: 'proxy',
    files: ['docs/security-model.md'],
    tests: ['test/journeys/12-mutual-tls.test.ts'],
  },
  {
    control: 'ac-3',
    claim: 'A reader sees and gets only what clearance and release allow; a product above it cannot be found by search, count or direct link.',
    service: 'control-plane',
    files: ['docs/security-model.md'],
    tests: ['test/unit/mesh-access.test.ts', 'test/journeys/06-mesh.test.ts'],
  },
  {
    control: 'ac-16',
    claim: 'Records, products and catalog entries carry structured labels; derived products inherit them by laws that are tested.',
    service: 'control-plane',
    files: ['docs/security-model.md'],
    tests: ['test/unit/mesh-labels.test.ts'],
  },
  {
    control: 'au-10',
    claim: 'An access is in the audit log, a Merkle tree with signed heads, before its first byte is answered.',
    service: 'control-plane',
    files: ['docs/security-model.md'],
    tests: ['test/unit/mesh-audit.test.ts'],
  },
  {
    control: 'cp-10',
    claim: 'An upgrade that does not come up healthy is rolled back by itself to the release before, with its data.',
    service: 'control-plane',
    files: ['docs/runbook.md'],
    tests: ['test/journeys/07-upgrade.test.ts'],
  },
  {
    control: 'sc-7',
    claim: 'On a host only declared ports are open; the packet filter refuses the rest, and nobody but the proxy reaches a plain one.',
    service: 'proxy',
    files: ['docs/reference/ports.md'],
    tests: ['test/journeys/12-no-other-way.test.ts', 'test/journeys/22-assessed-host.test.ts'],
  },
  {
    control: 'sc-17',
    claim: 'A certificate is taken only when it chains to the organisation’s root, belongs to the key on the host, carries exactly its names and is in its time.',
    files: ['docs/guides/certificates.md'],
    tests: ['test/unit/enclave-pki.test.ts', 'test/journeys/11-pki.test.ts'],
  },
  {
    control: 'ia-5.2',
    claim: 'Certificates that are revoked or over are refused within a minute, on open connections too.',
    service: 'proxy',
    files: ['docs/security-model.md'],
    tests: ['test/journeys/12-mutual-tls.test.ts'],
  },
  {
    control: 'au-9',
    claim: 'The audit log is locked in the object store, and proves by its own signatures that nothing was changed, removed or forked.',
    service: 'control-plane',
    files: ['docs/security-model.md'],
    tests: ['test/unit/mesh-audit.test.ts', 'test/journeys/14-object-lock.test.ts'],
  },
  {
    control: 'cp-9',
    claim: 'Before each upgrade the data of every service is backed up while nobody writes.',
    service: 'control-plane',
    files: ['docs/runbook.md'],
    tests: ['test/journeys/07-upgrade.test.ts'],
  },
  {
    control: 'ca-7',
    claim: 'An installed site is asked what can be seen on its hosts, without changing them, and judged by published rules; the results are OSCAL, XCCDF and CKLB.',
    files: ['docs/evidence.md', 'docs/reference/benchmark.md'],
    tests: ['test/unit/assessment.test.ts', 'test/unit/assessment-documents.test.ts', 'test/journeys/22-assessed-host.test.ts'],
  },
]
