import { EXIT, faultsOf, type CodeDoc } from '../bundle/fault.ts'

/** Codes of what is tried in a lab before anything crosses: the proof of a build, and the rehearsal of an upgrade. */
export const CODES = {
  E_UNPROVEN: {
    exit: EXIT.unproven,
    title: 'The bundle was built, and its proof failed',
    meaning:
      'In a disposable host without network something reached for a place outside, was missing, or did not start. Each is listed with the line of the definition that asks for it. The bundle stays where it was written; the record beside it says that it is not proven.',
    next: 'Change the lines that are named (another version, a package or a requirement more, a setting that keeps it from calling home), and build with --prove again.',
  },
  E_REHEARSAL: {
    exit: EXIT.unproven,
    title: 'The rehearsal of the upgrade failed',
    meaning:
      'On disposable hosts without network a step did not end as it has to: the installation of the old release, the upgrade, the rollback, or the upgrade again; or a service was not well after it. The hosts were taken down.',
    next: 'Read what the step said, correct the new release, and rehearse again before discs are burned.',
  },
  E_REHEARSAL_BUNDLES: {
    exit: EXIT.usage,
    title: 'These two bundles cannot be rehearsed',
    meaning:
      'A rehearsal installs the first bundle on a host and upgrades to the second: both have to be releases of one name that carry playbooks and an installer, the second with the higher sequence.',
    next: 'sallyport inspect BUNDLE says what a bundle is.',
  },
} as const satisfies Record<string, CodeDoc>

export const fault = faultsOf(CODES)
