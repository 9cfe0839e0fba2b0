import { EXIT, faultsOf, type CodeDoc } from '../bundle/fault.ts'

/** Errors of reading the evidence of a bundle. */
export const CODES = {
  E_EVIDENCE_ABSENT: {
    exit: EXIT.input,
    title: 'The bundle does not carry the evidence that is asked for',
    meaning:
      'The bundle is whole and accepted, but it was built without this file: by an older version, or by another program. Comparing and reporting start from it.',
    next: 'Ask the publisher for a bundle built with this version, or compare other bundles.',
  },
  E_EVIDENCE_INVALID: {
    exit: EXIT.input,
    title: 'A file of evidence cannot be read',
    meaning: 'The file is what was signed, but it is not the JSON document that this program writes under this name.',
    next: 'Ask the publisher which program built the bundle, and for one built with Sallyport.',
  },
} as const satisfies Record<string, CodeDoc>

export const fault = faultsOf(CODES)
