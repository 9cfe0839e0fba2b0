import { EXIT, faultsOf, type CodeDoc } from '../bundle/fault.ts'

/** Codes raised by the command line itself. */
export const CODES = {
  E_USAGE: {
    exit: EXIT.usage,
    title: 'The command line cannot be understood',
    meaning: 'A word, option or value is missing, unknown or in the wrong place. Nothing was done.',
    next: 'sallyport --help',
  },
  E_NO_TERMINAL: {
    exit: EXIT.usage,
    title: 'A passphrase or PIN is needed and there is no terminal to ask on',
    meaning: 'Passphrases and PINs come from a prompt or from a file that only you can read, never from an argument.',
    next: 'Give the option --passphrase-file FILE (and --pin-file FILE for a token), or run the command on a terminal.',
  },
  E_PASSPHRASE_FILE: {
    exit: EXIT.input,
    title: 'The passphrase file cannot be used',
    meaning: 'The file is missing, empty, or readable by other users of this machine.',
    next: 'chmod 600 FILE',
  },
  E_INTERRUPTED: {
    exit: EXIT.interrupted,
    title: 'Interrupted',
    meaning:
      'The command was ended from the keyboard or by a signal. An engine that has the plan goes on without the station; everything else goes on where it was when the same command is run again.',
    next: 'Run the same command again.',
  },
  E_INTERNAL: {
    exit: EXIT.internal,
    title: 'A defect in Sallyport',
    meaning: 'Something happened that the program did not foresee. What it was doing stopped where it was.',
    next: 'Run the same command again; if it fails again, keep the whole output and report it.',
  },
  E_UNKNOWN_CODE: {
    exit: EXIT.usage,
    title: 'There is no such error code',
    meaning: 'The word given to explain is not a code that this version of the program can print.',
    next: 'sallyport explain --list',
  },
  E_FILE: {
    exit: EXIT.machine,
    title: 'A file or folder could not be read or written',
    meaning: 'The operating system refused: the path does not exist, is not permitted, or the disk is full or read-only.',
    next: 'Check the path and its permissions, then run the same command again.',
  },
} as const satisfies Record<string, CodeDoc>

export const fault = faultsOf(CODES)
