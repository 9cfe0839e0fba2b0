import { EXIT, faultsOf, type CodeDoc } from '../bundle/fault.ts'

/** Error codes of the connected side: definition, lock, sources, build. */
export const CODES = {
  E_DEFINITION: {
    exit: EXIT.input,
    title: 'The bundle definition is not valid',
    meaning:
      'bundle.yaml, one of its recipes, or a file they name cannot be used as written. Every fault is listed with its file, line and column.',
    next: 'Correct the listed lines and run the same command again.',
  },
  E_LOCK_STALE: {
    exit: EXIT.input,
    title: 'The lock was made from another definition',
    meaning:
      'bundle.lock.yaml names the digest of every file it was resolved from. A file was changed, added or removed since, so the lock no longer says what this definition asks for.',
    next: 'Run the same command with --update to resolve again, or restore the changed files.',
  },
  E_LOCK_INVALID: {
    exit: EXIT.input,
    title: 'The lock cannot be read',
    meaning: 'bundle.lock.yaml is damaged, edited by hand, or of a newer lock version than this program knows.',
    next: 'Restore it from version control, or run the same command with --update to resolve again.',
  },
  E_UPSTREAM_UNREACHABLE: {
    exit: EXIT.upstream,
    title: 'An upstream registry or mirror could not be reached',
    meaning:
      'The ecosystem client of this machine failed to connect, or was answered with a server error. The addresses come from its own settings (apt sources, npm, pip, go, maven, skopeo).',
    next: 'Check the network and the settings of the client that is named, then run the same command again: what was fetched stays in the store.',
  },
  E_UPSTREAM_LOGIN: {
    exit: EXIT.upstream,
    title: 'An upstream wants a login, and does not take the one of this machine',
    meaning:
      'The upstream answered "401 Unauthorized". Logins stand in the settings of the ecosystem’s own client (.netrc, .npmrc, settings.xml, auth.conf, ansible.cfg); Sallyport has none, and a definition never holds one.',
    next: 'Correct the login in the settings of the client that is named, then run the same command again.',
  },
  E_UPSTREAM_MISSING: {
    exit: EXIT.upstream,
    title: 'Upstream does not have what was asked for',
    meaning:
      'A package, version or file is not in the upstream index, or a file pinned by the lock has been removed upstream. All missing ones are listed.',
    next: 'Correct the names or versions in the definition; for files that upstream removed, run with --update to resolve newer ones.',
  },
  E_UPSTREAM_CHANGED: {
    exit: EXIT.upstream,
    title: 'Upstream now has other bytes under the same name',
    meaning:
      'The bytes received differ from the digest in the lock or in the signed index. Either upstream replaced a file, or someone between upstream and this machine changed it. Nothing of it was kept.',
    next: 'Find out why before going on. When the change is legitimate, run with --update.',
  },
  E_UPSTREAM_SIGNATURE: {
    exit: EXIT.upstream,
    title: 'The signature of an upstream index does not hold',
    meaning:
      'The index is unsigned, signed by an unknown key, expired, or dated in the future. A wrong clock on this machine looks the same.',
    next: 'Check the clock of this machine and its archive keyring (package debian-archive-keyring), then run the same command again.',
  },
  E_UNSATISFIABLE: {
    exit: EXIT.upstream,
    title: 'The dependencies of the packages cannot be satisfied together',
    meaning:
      'The ecosystem client found no set of versions that fits everything that was asked for. Its own explanation is listed.',
    next: 'Change the packages or versions in the definition.',
  },
  E_CLIENT_MISSING: {
    exit: EXIT.machine,
    title: 'A program that this build drives is not installed',
    meaning: 'Each source is fetched by its ecosystem’s own client, which must be on this machine.',
    next: 'Install the Debian package that is named, then run the same command again.',
  },
  E_CLIENT_UNCONFIGURED: {
    exit: EXIT.machine,
    title: 'This machine’s client settings do not say where the upstream is',
    meaning:
      'Sallyport holds no registry address of its own: it uses those of the machine’s clients. The one that is named says none.',
    next: 'Configure the client (apt sources, npm registry, pip index, GOPROXY, Maven settings), then run the same command again.',
  },
  E_ADVISORIES_INVALID: {
    exit: EXIT.input,
    title: 'A source of advisories cannot be read',
    meaning:
      'A file that the definition names under `advisories` is not in the format it is said to be in, is cut off, or holds no record at all. Without this refusal an empty file would look like a bundle without known vulnerabilities.',
    next: 'Fetch the data set again from its publisher, or correct the format or path in the definition.',
  },
  E_VEX_INVALID: {
    exit: EXIT.input,
    title: 'A VEX document of the definition is not valid',
    meaning:
      'It is not an OpenVEX 0.2.0 document with an author, or a statement of it lacks something: a vulnerability, products named by purl, a known status, a justification for not_affected, an action for affected.',
    next: 'Correct every line that is named, then run the build again.',
  },
  E_BUILD_INTERRUPTED: {
    exit: EXIT.interrupted,
    title: 'The build was interrupted',
    meaning: 'No half bundle was left behind. What was fetched and built so far stays in the content store.',
    next: 'Run the same command again: it goes on with what the store has.',
  },
} as const satisfies Record<string, CodeDoc>

export const fault = faultsOf(CODES)
