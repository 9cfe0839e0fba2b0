import { EXIT, faultsOf, type CodeDoc } from '../bundle/fault.ts'

/** What can be wrong with a key that lies in a PKCS#11 token. */
export const CODES = {
  E_TOKEN_URI: {
    exit: EXIT.input,
    title: 'The PKCS#11 URI cannot be used',
    meaning: 'A key in a token is named by a URI of RFC 7512. What it says has to be understood whole, or another key might be taken; a PIN must never stand in it.',
    next: 'Write it as pkcs11:token=LABEL;object=LABEL?module-path=/path/to/module.so',
  },
  E_TOKEN_PROGRAM: {
    exit: EXIT.machine,
    title: 'The program that speaks to tokens is not there, or did not end',
    meaning: 'Tokens are reached by pkcs11-tool of OpenSC. Nothing was signed.',
    next: 'apt-get install --no-install-recommends opensc',
  },
  E_TOKEN_MODULE: {
    exit: EXIT.machine,
    title: 'The PKCS#11 module cannot be loaded',
    meaning: 'module-path of the URI names no file, or a file that is no PKCS#11 module. Nothing was signed.',
    next: 'Give the path of the module that came with the token, as module-path of the URI.',
  },
  E_TOKEN_ABSENT: {
    exit: EXIT.machine,
    title: 'The token is not there',
    meaning: 'No reader holds a token that fits the URI, or it was taken out before it had signed. Nothing was signed.',
    next: 'Put the token in, and run the same command again.',
  },
  E_TOKEN_SEVERAL: {
    exit: EXIT.input,
    title: 'More than one token or key fits the URI',
    meaning: 'Which key signs must not be left to chance.',
    next: 'Add serial= for the token, or id= for the key, to the URI.',
  },
  E_TOKEN_KEY: {
    exit: EXIT.input,
    title: 'The token holds no such key',
    meaning: 'No private key in the token fits the URI. Nothing was signed.',
    next: 'List what it holds: pkcs11-tool --module MODULE --login --list-objects',
  },
  E_TOKEN_ALGORITHM: {
    exit: EXIT.input,
    title: 'The key in the token is not one that counts',
    meaning: 'The half of a key that lies in a token is ECDSA on P-384. The ML-DSA-87 half stays in its file under its passphrase: no token that was tried can hold it. Both halves sign, always.',
    next: 'Make one in the token: pkcs11-tool --module MODULE --login --keypairgen --key-type EC:secp384r1 --usage-sign --label LABEL --id 01',
  },
  E_TOKEN_FORBIDS: {
    exit: EXIT.input,
    title: 'The token does not let this key sign',
    meaning: 'The key was made for another use (CKA_SIGN is false). Nothing was signed.',
    next: 'Name a key that was made with --usage-sign.',
  },
  E_TOKEN_PIN: {
    exit: EXIT.input,
    title: 'The token refuses the PIN',
    meaning: 'The PIN is another one, or of a length that the token does not take. A token counts wrong PINs and locks itself; it was asked once.',
    next: 'Find out the PIN before you try again.',
  },
  E_TOKEN_LOCKED: {
    exit: EXIT.machine,
    title: 'The token is locked',
    meaning: 'Too many wrong PINs were given, or its PIN has never been set or has run out. No PIN was asked for or tried.',
    next: 'Let the officer of the token set a new PIN.',
  },
  E_TOKEN_OTHER_KEY: {
    exit: EXIT.trust,
    title: 'The key in the token is not the one of the key folder',
    meaning: 'What the token signed does not hold under public.p384.pem of the folder: it is another key, or the token errs. The signature was thrown away.',
    next: 'Put in the token that this key was made with, or correct the URI in private.p384.uri.',
  },
  E_TOKEN_FAILED: {
    exit: EXIT.machine,
    title: 'The token failed',
    meaning: 'The module answered with an error that this program knows no remedy for. Nothing was signed.',
    next: 'Look the CKR_ name up in PKCS#11 or in the papers of the token.',
  },
} as const satisfies Record<string, CodeDoc>

export const fault = faultsOf(CODES)
