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

/** Any openssl. `$K` is the folder with the reader's own copy of the public keys, `$KEY` the key id. */
export const P384_CHECK =
  'openssl dgst -sha384 -verify "$K/public.p384.pem" -signature "signatures/$KEY.p384.sig" bundle.json'

/** As `P384_CHECK`; openssl 3.5 or later. */
export const MLDSA87_CHECK =
  'openssl pkeyutl -verify -pubin -inkey "$K/public.mldsa87.pem" -rawin -in bundle.json -sigfile "signatures/$KEY.mldsa87.sig"'

/** The sha512 of a public key (SPKI DER) that the card prints; works without an openssl that knows ML-DSA. */
export const FINGERPRINT = (file: string) => `grep -v -- ----- "${file}" | base64 -d | sha512sum`
