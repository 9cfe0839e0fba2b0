import { EXIT, faultsOf, type CodeDoc } from '../bundle/fault.ts'

/** Codes raised by the lab of disposable hosts. */
export const CODES = {
  E_LAB_MACHINE: {
    exit: EXIT.machine,
    title: 'This machine cannot run lab hosts',
    meaning:
      'A lab host is a real Debian 13 with systemd in namespaces of this machine. That needs Linux on amd64, root, and a ' +
      'few programs of Debian. Everything but the lab works without them.',
    next: 'Run as root: npm run -s sallyport -- lab up NAME, after apt-get install of the packages named.',
  },
  E_LAB_SOURCES: {
    exit: EXIT.machine,
    title: 'The apt sources of this machine do not name a Debian mirror',
    meaning: 'The lab makes Debian 13 from the same mirror this machine uses. Its apt sources name none that could have it.',
    next: 'Add a Debian mirror to /etc/apt/sources.list.d and run the same command again.',
  },
  E_LAB_ROOTFS: {
    exit: EXIT.upstream,
    title: 'The file system of a lab host could not be made',
    meaning: 'mmdebstrap failed: usually the mirror did not answer, a package is unknown, or the disk is full.',
    next: 'Look at the lines above, then run the same command again; nothing half made was kept.',
  },
  E_LAB_NAME: {
    exit: EXIT.usage,
    title: 'A lab cannot be named or sized like this',
    meaning: 'Names are lower-case letters, digits and hyphens, at most 30, starting with a letter; 1 to 13 hosts a lab.',
    next: 'sallyport lab up trial --hosts 1',
  },
  E_LAB_EXISTS: {
    exit: EXIT.usage,
    title: 'A lab of this name is already there',
    meaning: 'It is running, or another process is making it right now.',
    next: 'sallyport lab list',
  },
  E_LAB_UNKNOWN: {
    exit: EXIT.usage,
    title: 'There is no such lab or host',
    meaning: 'Nothing of this name is running on this machine. What a crash leaves behind is cleared by every lab command.',
    next: 'sallyport lab list',
  },
  E_LAB_FULL: {
    exit: EXIT.machine,
    title: 'No address block is left for another lab',
    meaning:
      'Labs take blocks of 16 addresses from the three documentation networks (RFC 5737), and each block that a lab, an ' +
      'interface or a route of this machine uses is left alone. There are 48.',
    next: 'sallyport lab list, then sallyport lab down NAME',
  },
  E_LAB_BOOT: {
    exit: EXIT.machine,
    title: 'A lab host did not come up in time',
    meaning: 'Its systemd or sshd did not answer. The machine may be short of memory or processor time.',
    next: 'Look at the console log named above, then run sallyport lab down NAME and lab up NAME.',
  },
  E_LAB_PROGRAM: {
    exit: EXIT.machine,
    title: 'A program of this machine failed while the lab was being set up',
    meaning: 'The lab calls ip, nft, ssh-keygen and others; one of them refused. What it said is above.',
    next: 'sallyport lab down NAME clears what was made; then run the same command again.',
  },
  E_LAB_MOUNT: {
    exit: EXIT.usage,
    title: 'A folder cannot be shown to a lab host',
    meaning: 'Both paths must be absolute, the first must exist on this machine, and neither may contain a colon.',
    next: 'Check the path, then run the same command again.',
  },
  E_LAB_CAPTURE: {
    exit: EXIT.machine,
    title: 'Packets of the lab could not be recorded completely',
    meaning: 'tcpdump did not start, or dropped packets: the record would prove nothing.',
    next: 'Run the same thing again with less load on this machine.',
  },
} as const satisfies Record<string, CodeDoc>

export const fault = faultsOf(CODES)
