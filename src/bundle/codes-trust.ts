import { EXIT, type CodeDoc } from './fault.ts'

/** What can be wrong with signatures, keys, the trust policy, and with what the policy makes of a bundle. */
export const TRUST_CODES = {
  E_UNSIGNED: {
    exit: EXIT.trust,
    title: 'The bundle is not signed',
    meaning: 'There is no signature file in signatures/. Nothing in the bundle can be trusted.',
    next: 'The publisher signs it: sallyport sign BUNDLE --key DIR',
  },
  E_SIGNATURE_PARTIAL: {
    exit: EXIT.trust,
    title: 'A key signed with one of its two algorithms only',
    meaning: 'Both ML-DSA-87 and ECDSA P-384 are required; one signature file is missing or was removed.',
    next: 'The publisher signs it again: sallyport sign BUNDLE --key DIR',
  },
  E_SIGNATURE_INVALID: {
    exit: EXIT.trust,
    title: 'A signature does not hold',
    meaning: 'bundle.json or the signature was changed after signing, or another key made the signature.',
    next: 'Do not use the bundle. Copy it again from its source, or take the second set of media.',
  },
  E_SIGNATURE_FILE: {
    exit: EXIT.trust,
    title: 'signatures/ holds something that is not a signature',
    meaning: 'Only files named <16 hex>.mldsa87.sig and <16 hex>.p384.sig may stand there, of a bounded size.',
    next: 'Find out who added it. Do not remove it and go on.',
  },
  E_KEY_UNKNOWN: {
    exit: EXIT.trust,
    title: 'The signer is not in the trust policy',
    meaning: 'The key that signed is not one of those this site accepts.',
    next: 'Compare the key id with the key card; a new key enters by a new trust policy only.',
  },
  E_KEY_REVOKED: {
    exit: EXIT.trust,
    title: 'The key that signed has been revoked',
    meaning: 'The trust policy revokes it and does not name this bundle among those that stay valid.',
    next: 'Ask the publisher for the bundle signed with a current key.',
  },
  E_KEY_NAME_PATTERN: {
    exit: EXIT.trust,
    title: 'The key may not sign bundles of this name',
    meaning: 'The trust policy limits each key to patterns of names, and none of them covers this bundle.',
    next: 'Ask the publisher whether the right key was used; a wider pattern needs a new trust policy.',
  },
  E_KEY_ROLE: {
    exit: EXIT.trust,
    title: 'The key has no role that this act asks for',
    meaning: 'The signature is good, but the policy asks for other roles for import, install or upgrade.',
    next: 'Get the signatures of the roles that are listed as missing.',
  },
  E_PERSON_TWICE: {
    exit: EXIT.trust,
    title: 'One person signed with several keys',
    meaning: 'Thresholds count persons, not keys. Without the second key of the same person too few are left.',
    next: 'Get the signature of another person.',
  },
  E_THRESHOLD: {
    exit: EXIT.trust,
    title: 'Too few persons signed',
    meaning: 'The trust policy asks for more persons of a role for this act.',
    next: 'Get the signatures that are listed as missing.',
  },
  E_MARKING_CEILING: {
    exit: EXIT.trust,
    title: 'The marking is above the ceiling of the site',
    meaning: 'The level, a category or the label policy of the bundle is not one that this site may hold.',
    next: 'Do not bring the bundle in. Tell the security officer: it may be a spill.',
  },
  E_KIND_ACT: {
    exit: EXIT.trust,
    title: 'A bundle of this kind is not for this act',
    meaning: 'Only releases are installed and upgraded to; advisories, trust and content are imported.',
    next: 'Run the command that fits the kind: sallyport inspect BUNDLE shows it.',
  },
  E_POLICY_INVALID: {
    exit: EXIT.trust,
    title: 'The trust policy cannot be used',
    meaning: 'It is not a valid policy document; every fault is listed.',
    next: 'Use the file that policy new wrote, byte for byte.',
  },
  E_POLICY_DIGEST: {
    exit: EXIT.trust,
    title: 'The trust policy is not the one on the card',
    meaning: 'The first policy of a site is accepted by the digest that came on a separate way.',
    next: 'Compare with the card again; take the policy from the person who gave the card.',
  },
  E_POLICY_SIGNATURES: {
    exit: EXIT.trust,
    title: 'The trust policy is not signed by enough of its root',
    meaning: 'A policy has to be signed by its own root threshold, and a new one by that of the policy before as well.',
    next: 'Get the root signatures that are listed as missing.',
  },
  E_POLICY_CHAIN: {
    exit: EXIT.trust,
    title: 'The trust policy does not follow the one in force',
    meaning: 'Version N+1 has to carry the digest of version N, for the same site; older versions are never taken.',
    next: 'Take in every version in its order.',
  },
  E_POLICY_EXPIRED: {
    exit: EXIT.trust,
    title: 'The trust policy has expired',
    meaning: 'A policy holds until its date, so that a forgotten one does not trust old keys for ever.',
    next: 'Check the clock of this machine, then take in the new policy.',
  },
  E_POLICY_NOT_YET: {
    exit: EXIT.trust,
    title: 'The trust policy is from the future',
    meaning: 'It was created later than the clock of this machine says: the clock is probably wrong.',
    next: 'Set the clock of this machine.',
  },
  E_BELOW_FLOOR: {
    exit: EXIT.floor,
    title: 'The sequence is below the floor',
    meaning: 'A later sequence of this name is in force here; going back would bring known defects back.',
    next: 'Use a later bundle. Going down needs a signed exception in the trust policy.',
  },
  E_SEQUENCE_REUSED: {
    exit: EXIT.floor,
    title: 'The sequence is known here with other content',
    meaning: 'A sequence names one content for ever. Two bundles under the same number mean a mistake or an attack.',
    next: 'Ask the publisher which of the two digests is right.',
  },
  E_KEY_DIRECTORY: {
    exit: EXIT.input,
    title: 'The folder does not hold a usable key',
    meaning: 'A key folder has key.json, public.mldsa87.pem, public.p384.pem and, for signing, the private halves.',
    next: 'Make one: sallyport keys new --person NAME --role ROLE -o DIR',
  },
  E_PASSPHRASE: {
    exit: EXIT.input,
    title: 'The passphrase does not open the key',
    meaning: 'The private key is encrypted and the passphrase given is another one, or the key file is damaged.',
    next: 'Try again; without the passphrase the key is lost and has to be replaced.',
  },
  E_PASSPHRASE_WEAK: {
    exit: EXIT.input,
    title: 'The passphrase is too short',
    meaning: 'The passphrase is all that protects the key file when it is copied.',
    next: 'Take at least 12 characters: several words.',
  },
} as const satisfies Record<string, CodeDoc>
