/**
 * The commands that verify a bundle with coreutils, findutils and openssl alone, run by POSIX sh inside its folder. The
 * card and README.txt print the same text.
 */

/** SHA512SUMS is the one that bundle.json names: strict JSON puts `"sums": {` at two spaces in one place only. */
export const SUMS_CHECK =
  `test "$(sed -n '/^  "sums": {$/,/^  }/s/^    "sha512": "\\([0-9a-f]*\\)",$/\\1/p' bundle.json)" ` +
  `= "$(sha512sum < SHA512SUMS | cut -c1-128)" && echo SUMS OK`

export const CONTENT_CHECK = 'sha512sum --check --quiet --strict SHA512SUMS && echo CONTENT OK'

/**
 * Nothing but folders and listed regular files (sha512sum alone would follow a link): `diff` shows with `>` what is
 * more and with `<` what is less.
 */
export const LISTING_CHECK =
  `T=$(mktemp); find . ! -type d ! -path './signatures/*' ! -path ./bundle.json ! -path ./SHA512SUMS ` +
  `-printf '%y %P\\n' | LC_ALL=C sort > "$T"; ` +
  `cut -c131- SHA512SUMS | sed 's/^/f /' | LC_ALL=C sort | diff - "$T" && echo LISTING OK`

/** `key` is the path of the public key file, `keyId` the name of the signature. */
export function p384Check(key: string, keyId: string): string {
  return `openssl dgst -sha384 -verify ${key} -signature signatures/${keyId}.p384.sig bundle.json`
}

/** As `p384Check`; needs openssl 3.5 or later. */
export function mldsa87Check(key: string, keyId: string): string {
  return `openssl pkeyutl -verify -pubin -inkey ${key} -rawin -in bundle.json -sigfile signatures/${keyId}.mldsa87.sig`
}
