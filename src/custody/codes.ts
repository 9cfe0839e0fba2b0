import { EXIT, faultsOf, type CodeDoc } from '../bundle/fault.ts'

/** What can be wrong with the log of crossings. */
export const CODES = {
  E_CUSTODY_LOG: {
    exit: EXIT.integrity,
    title: 'The log of custody is not what was written',
    meaning: 'A line was changed, removed, put in or cut off, or a signature under it does not hold. What stands before that line is as it was.',
    next: 'Compare the log with the copy that the other side keeps, and with the heads on paper.',
  },
  E_CUSTODY_SIGNER: {
    exit: EXIT.trust,
    title: 'Nobody vouches for an entry of the log',
    meaning: 'A key that signed an entry is neither in the trust policy nor among the public keys that were given.',
    next: 'Give the policy of the time with --policy, or the public half of the key with --public.',
  },
  E_CUSTODY_PERSONS: {
    exit: EXIT.usage,
    title: 'A crossing takes two persons',
    meaning: 'Who hands a medium over and who takes it are two persons, each with a key of their own. Nothing was logged.',
    next: 'sallyport custody record --help',
  },
  E_CUSTODY_SCANNER: {
    exit: EXIT.machine,
    title: 'The scanner could not be run, or did not finish',
    meaning: 'A crossing is logged with what a scanner said, or with the reason why there was none. Nothing was logged.',
    next: 'apt-get install --no-install-recommends clamav, give --scanner, or say why not with --no-scan.',
  },
  E_CUSTODY_FOUND: {
    exit: EXIT.trust,
    title: 'The scanner found something on the medium',
    meaning: 'The crossing is in the log as refused, with what was found.',
    next: 'Keep the medium apart, and report what was found as the site asks.',
  },
} as const satisfies Record<string, CodeDoc>

export const fault = faultsOf(CODES)
