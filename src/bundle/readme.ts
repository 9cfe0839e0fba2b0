import { CONTENT_CHECK, LISTING_CHECK, SUMS_CHECK, mldsa87Check, p384Check } from './commands.ts'
import type { StatementFields } from './statement.ts'

/**
 * README.txt of a bundle: what to type. It names no key: keys and the commands for the first check come on the card,
 * since whoever can change a bundle can change this file too.
 */
export function readmeText({ name, version }: Pick<StatementFields, 'name' | 'version'>): string {
  return `${name} ${version}: a Sallyport bundle. Take keys and commands from your key card, not from this medium:
whoever can change the bundle can change this file.

With a Sallyport that you trust already:  sallyport verify . --policy YOUR-TRUST-POLICY.json
Without it, type in this folder, with KEY the key id on the card and K the path of your own copy of its public keys:

${p384Check('K/public.p384.pem', 'KEY')}
${mldsa87Check('K/public.mldsa87.pem', 'KEY')}
${SUMS_CHECK}
${CONTENT_CHECK}
${LISTING_CHECK}

The first works with any openssl, the second with 3.5 or later. They must say "Verified OK", "Signature Verified
Successfully", "SUMS OK", "CONTENT OK" and "LISTING OK"; if one does not, do not use the bundle.
Then: cp sallyport ~/ && chmod +x ~/sallyport && ~/sallyport --help, and docs/.
`
}
