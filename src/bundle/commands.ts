/**
 * The commands that verify a bundle with coreutils and openssl alone, run by POSIX sh inside its folder. The card and
 * README.txt print the same text, and test/unit/bundle-commands.test.ts runs it.
 */

/** SHA512SUMS is the one that bundle.json names: strict JSON puts `"sums": {` at two spaces in one place only. */
export const SUMS_CHECK =
  `test "$(sed -n '/^  "sums": {$/,/^  }/s/^    "sha512": "\\([0-9a-f]*\\)",$/\\1/p' bundle.json)" ` +
  `= "$(sha512sum < SHA512SUMS | cut -c1-128)" && echo SUMS OK`

/** Nothing but folders and listed regular files; prints what is more or less. */
export const LISTING_CHECK =
  `find . ! -type d ! -path './signatures/*' ! -path ./bundle.json ! -path ./SHA512SUMS -printf '%y %P\\n' ` +
  `| LC_ALL=C sort > /tmp/found; cut -c131- SHA512SUMS | sed 's/^/f /' | LC_ALL=C sort | diff - /tmp/found && echo LISTING OK`
