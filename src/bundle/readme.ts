import { CONTENT_CHECK, LISTING_CHECK, MLDSA87_CHECK, P384_CHECK, SUMS_CHECK } from './commands.ts'
import type { StatementFields } from './statement.ts'

/**
 * README.txt of a bundle: what to type. It names no key: keys and the commands for the first check come on the card,
 * since whoever can change a bundle can change this file too.
 */
export function readmeText({ name, version }: Pick<StatementFields, 'name' | 'version'>): string {
  return `${name} ${version}: a Sallyport bundle. Take keys and commands from your key card, not from this medium:
whoever can change the bundle can change this file.

With a Sallyport that you trust already:  sallyport verify . --policy YOUR-TRUST-POLICY.json
Without it, in this folder, after K=FOLDER (your own copy of the public keys) and KEY=ID (the key id on the card):

${P384_CHECK}
${MLDSA87_CHECK}
${SUMS_CHECK}
${CONTENT_CHECK}
${LISTING_CHECK}

The first works with any openssl, the second with 3.5 or later. They must say "Verified OK", "Signature Verified
Successfully", "SUMS OK", "CONTENT OK" and "LISTING OK"; if one does not, do not use the bundle. Only then copy the file
sallyport to a disk, make it executable (chmod +x), and read docs/.
`
}
