import { EXIT, faultsOf, type CodeDoc } from '../bundle/fault.ts'

/** Codes raised at a reader's desk; what the control plane itself refuses keeps the code of src/mesh/codes.ts. */
export const CODES = {
  E_PROFILE: {
    exit: EXIT.input,
    title: 'The profile cannot be used',
    meaning:
      'The profile names the control plane, the identity provider, the authority, and the certificate and key of one person. A field is missing or wrong, or the certificate and key do not fit together, have expired or lie open to other users of this machine.',
    next: 'Correct every listed fault of the profile; docs/guides has a complete one.',
  },
  E_DATA: {
    exit: EXIT.input,
    title: 'The data to publish cannot be read as records',
    meaning:
      'Records come from .json files (one array of objects, or one object) or .jsonl files (one object a line), or a folder of such files. Nothing was sent.',
    next: 'Correct every listed line and publish again.',
  },
  E_UNREACHABLE: {
    exit: EXIT.host,
    title: 'A service of the mesh does not answer',
    meaning: 'The name is unknown to this machine, nothing listens there, or it took too long.',
    next: 'Check the network and the addresses in the profile; the operator runs `sallyport status`.',
  },
  E_SERVER_IDENTITY: {
    exit: EXIT.trust,
    title: 'A service of the mesh does not prove who it is',
    meaning:
      'Its certificate is not from the authority in the profile, is for another name, or has expired. Nothing was sent to it.',
    next: 'Do not go on: compare the authority in the profile with the one your organisation published.',
  },
  E_SIGN_IN: {
    exit: EXIT.denied,
    title: 'The person is not let in',
    meaning:
      'The identity provider or the control plane refuses this certificate (it comes from another authority, has expired or was revoked, or no account has its name), or the password or one-time code that came with it.',
    next: 'Ask your security officer whether the account exists and the certificate is the current one.',
  },
  E_ANSWER: {
    exit: EXIT.host,
    title: 'A service of the mesh gave an answer that cannot be understood',
    meaning: 'The answer is not JSON of the expected shape or is too large: something other than the mesh may answer there.',
    next: 'Check the URLs in the profile; compare the versions of this program and of the enclave.',
  },
} as const satisfies Record<string, CodeDoc>

export const fault = faultsOf(CODES)
