import { SUMS_CHECK, LISTING_CHECK } from './commands.ts'
import type { StatementFields } from './statement.ts'

/**
 * README.txt of a bundle: what to type. It names no key: keys and the commands for the first check come on the card,
 * since whoever can change a bundle can change this file too.
 */
export function readmeText({ name, version }: StatementFields): string {
  return `${name} ${version} - a Sallyport bundle

Take the keys and the first commands from your key card, not from this medium: whoever changes a bundle changes this file.

With Sallyport, one that you trust already:   sallyport verify . --policy YOUR-TRUST-POLICY.json
Without it, in this folder, KEY being the key id on the card and K the path where your copy of its public keys begins:

openssl dgst -sha384 -verify K.p384.pem -signature signatures/KEY.p384.sig bundle.json
openssl pkeyutl -verify -pubin -inkey K.mldsa87.pem -rawin -in bundle.json -sigfile signatures/KEY.mldsa87.sig
${SUMS_CHECK}
sha512sum --check --quiet --strict SHA512SUMS && echo CONTENT OK
${LISTING_CHECK}

Line 1 works with any openssl, line 2 with 3.5 or later; each must say that the signature is good. Lines 3 to 5 must end in
SUMS OK, CONTENT OK and LISTING OK. If one line does not, do not use the bundle. Then: ./sallyport --help and docs/
`
}
