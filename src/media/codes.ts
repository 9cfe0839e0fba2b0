import { EXIT, faultsOf, type CodeDoc } from '../bundle/fault.ts'

/** What can go wrong with the programs that make parity and images. */
export const CODES = {
  E_MEDIA_PROGRAM: {
    exit: EXIT.machine,
    title: 'A program for media is missing',
    meaning: 'Parity is made with par2, images of discs with xorriso; both are packages of Debian.',
    next: 'apt-get install --no-install-recommends par2 xorriso',
  },
  E_MEDIA_PROGRAM_FAILED: {
    exit: EXIT.machine,
    title: 'A program for media failed',
    meaning: 'It ended with an error; its own last words are shown.',
    next: 'Read its words; the disk may be full. Then run the same command again.',
  },
} as const satisfies Record<string, CodeDoc>

export const fault = faultsOf(CODES)
