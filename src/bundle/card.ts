import { CONTENT_CHECK, FINGERPRINT, LISTING_CHECK, MLDSA87_CHECK, P384_CHECK, SUMS_CHECK } from './commands.ts'
import { sha512 } from './digest.ts'
import { ALGORITHMS, pem, spki, type PublicKey } from './keys.ts'
import type { Policy } from './policy.ts'

/** `12345678 12345678 …`, eight groups a line: what two persons can read to each other. */
function grouped(hex: string, indent: string): string {
  const groups = hex.match(/.{1,8}/g) ?? []
  return `${indent}${groups.slice(0, 8).join(' ')}\n${indent}${groups.slice(8).join(' ')}`
}

/**
 * The card that travels apart from bundles: key ids, digests of the public keys, the policy's digest, and the exact
 * commands of the first check. A page of plain text, to print or to keep on a medium of its own.
 */
export function cardText(keys: readonly PublicKey[], policy: Policy | undefined): string {
  const parts = [
    'SALLYPORT KEY CARD',
    'Carry it apart from bundles: on paper, or on a medium of its own. Compare digests by reading them to each other.',
  ]
  if (policy) {
    const { site, version, expires } = policy.payload
    parts.push(
      `TRUST POLICY of site ${site}, version ${version}, valid until ${expires}; its sha512 is\n${grouped(policy.digest, '  ')}`,
    )
  }
  for (const key of keys) {
    const prints = ALGORITHMS.map(
      (algorithm) =>
        `  sha512 of public.${algorithm}.pem (as DER):\n${grouped(sha512(spki(key.keys[algorithm])), '    ')}`,
    )
    parts.push(
      `KEY ${key.keyId}   ${key.person}, ${key.role}\n${prints.join('\n')}\n  public.p384.pem:\n${pem(key.keys.p384).trimEnd()}`,
    )
  }
  const [first] = keys
  parts.push(
    `CHECK YOUR COPY OF THE PUBLIC KEYS, in their folder; both digests are above:
${ALGORITHMS.map((algorithm) => FINGERPRINT(`public.${algorithm}.pem`)).join('\n')}`,
    `CHECK A BUNDLE WITHOUT SALLYPORT, in its folder. First say where the public keys are and which key signed:
K=FOLDER-OF-THE-PUBLIC-KEYS KEY=${first?.keyId ?? 'KEY-ID'}
Any openssl, must say "Verified OK":
${P384_CHECK}
openssl 3.5 or later, must say "Signature Verified Successfully":
${MLDSA87_CHECK}
The list of files is the signed one, must say "SUMS OK":
${SUMS_CHECK}
Every listed file is right, must say "CONTENT OK":
${CONTENT_CHECK}
No file is there that no list names, must say "LISTING OK":
${LISTING_CHECK}
If one of them does not say so, do not use the bundle.`,
    `CHECK A BUNDLE WITH A SALLYPORT THAT YOU TRUST ALREADY:
sallyport verify BUNDLE --policy trust-policy.json${policy ? ` --policy-digest ${policy.digest}` : ''}`,
  )
  return parts.join('\n\n')
}
