import { EXIT, faultsOf, type CodeDoc } from '../bundle/fault.ts'

/** Errors of assessing a site. */
export const CODES = {
  E_ASSESSMENT_NOT_MET: {
    exit: EXIT.notMet,
    title: 'A rule of the benchmark is not met, or could not be checked',
    meaning:
      'The assessment was made and written whole. The rules listed failed on the hosts named, or could not be asked there, which counts as not met. Nothing was changed on any host.',
    next: 'Read assessment.txt in the folder: it says for each rule what was seen and what to do. Then run the same command again.',
  },
  E_ASSESSMENT_BUNDLE: {
    exit: EXIT.input,
    title: 'The bundle is not the release that runs',
    meaning: 'Findings are linked to the claims of the running release alone. The bundle given has another digest, or carries no claims.',
    next: 'Give the bundle of the running release (sallyport status --site DIR names it), or leave --bundle out.',
  },
} as const satisfies Record<string, CodeDoc>

export const fault = faultsOf(CODES)
