import { EXIT, faultsOf, type CodeDoc } from '../bundle/fault.ts'

/** Codes raised on the high side: by the operator's station and by the engine on the depot. */
export const CODES = {
  E_SITE_INVALID: {
    exit: EXIT.input,
    title: 'site.yaml is not valid',
    meaning: 'The description of the site has the faults listed, each with its line and column. No host was contacted.',
    next: 'Correct site.yaml and run the same command again.',
  },
  E_SITE_EXISTS: {
    exit: EXIT.input,
    title: 'The folder already holds a site',
    meaning: 'site init never overwrites a site: its pinned host keys, policy and record of sequences would be lost.',
    next: 'Choose another folder, or edit site.yaml in this one.',
  },
  E_SITE_PROFILE: {
    exit: EXIT.input,
    title: 'The profile is not for this number of hosts',
    meaning: 'A profile says which roles stand on which hosts, and from how many hosts to how many. Nothing was written.',
    next: 'Choose another --profile, another number of --host, or say with --roles what each host is for.',
  },
  E_HOST_KEY_UNCONFIRMED: {
    exit: EXIT.host,
    title: 'The SSH host key was not confirmed',
    meaning:
      'The key that a host shows is pinned only when its fingerprint equals the one its administrator gave you by another ' +
      'way: read it on the console of the host with ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub.',
    next: 'Run the command again with --host-key NAME=SHA256:… as the administrator of the host reads it to you.',
  },
  E_HOST_KEY: {
    exit: EXIT.host,
    title: 'A host shows another SSH key than the pinned one',
    meaning: 'Either the host was installed anew, or something else answers at its address. Nothing was sent to it.',
    next: 'Ask the administrator of the host for its fingerprint; only if it was installed anew, replace hostKeys in site.yaml.',
  },
  E_HOST_UNREACHABLE: {
    exit: EXIT.host,
    title: 'A host cannot be reached over SSH',
    meaning: 'No connection to the address and port in site.yaml, or it broke. An engine already started on the depot goes on.',
    next: 'Check the address, the cable and sshd on the host, then run the same command again: it goes on where it was.',
  },
  E_HOST_LOGIN: {
    exit: EXIT.host,
    title: 'A host does not accept the operator’s SSH key',
    meaning: 'The host key is the pinned one, but the host refused every key offered by the agent or identity file.',
    next: 'Add the operator’s public key on the host, or name the right one: operator.identity in site.yaml.',
  },
  E_HOST_COMMAND: {
    exit: EXIT.host,
    title: 'A command on a host failed',
    meaning: 'The host was reached, but what it was asked to do ended with an error, shown above.',
    next: 'Correct what the output names, then run the same command again: it goes on where it was.',
  },
  E_UPLOAD: {
    exit: EXIT.integrity,
    title: 'A file changed while it was sent to the depot',
    meaning: 'The bytes read from the medium are not those the signed manifest names, or the host has not received them whole.',
    next: 'sallyport verify BUNDLE --policy FILE',
  },
  E_PREFLIGHT: {
    exit: EXIT.machine,
    title: 'A host is not ready for this bundle',
    meaning: 'The checks before anything is changed found the faults listed. Nothing was changed.',
    next: 'Correct what is listed, then run the same command again.',
  },
  E_CEILING: {
    exit: EXIT.trust,
    title: 'The bundle is marked above the ceiling of the site',
    meaning: 'A site takes nothing marked above the level it is accredited for, or marked by a policy it does not use.',
    next: 'Take this bundle only to a site accredited for its marking.',
  },
  E_HOP: {
    exit: EXIT.floor,
    title: 'The bundle does not upgrade from the running release',
    meaning: 'Each release names the sequences that it was made to upgrade from. The running one is not among them.',
    next: 'Install a release between the two first.',
  },
  E_ROLLBACK_REFUSED: {
    exit: EXIT.floor,
    title: 'The site cannot go back to an earlier release',
    meaning:
      'Going back is allowed to the one release that ran directly before, with the digest recorded when it was replaced, with ' +
      'its backup present, and only while its sequence is not below the floor of the trust policy and nothing revokes it.',
    next: 'sallyport status --site DIR',
  },
  E_NOT_INSTALLED: {
    exit: EXIT.input,
    title: 'No release runs on this site',
    meaning: 'The command needs an enclave on which a bundle was installed.',
    next: 'sallyport install BUNDLE --site DIR',
  },
  E_WRONG_VERB: {
    exit: EXIT.input,
    title: 'The bundle needs the other command',
    meaning: 'install is for a site on which nothing runs, or the very release that runs; upgrade is for a newer release.',
    next: 'sallyport upgrade BUNDLE --site DIR',
  },
  E_PLAN_STALE: {
    exit: EXIT.input,
    title: 'The plan no longer fits the site or the bundle',
    meaning: 'Exactly the reviewed plan is run, or nothing. Since it was made, the bundle, the site or the hosts changed.',
    next: 'sallyport plan BUNDLE --site DIR -o FILE',
  },
  E_NOT_CONFIRMED: {
    exit: EXIT.usage,
    title: 'The plan was not confirmed',
    meaning: 'Nothing was changed. A plan runs after you reviewed it: by its file, or with --yes.',
    next: 'Run the command again with --yes, or with --plan FILE made by sallyport plan.',
  },
  E_ENGINE_BUSY: {
    exit: EXIT.host,
    title: 'The depot is working on another plan',
    meaning: 'One plan at a time: the one shown has not ended yet.',
    next: 'sallyport status --site DIR',
  },
  E_ENGINE: {
    exit: EXIT.host,
    title: 'The engine on the depot stopped without an end',
    meaning: 'Its unit is neither running nor finished. Its journal is kept; every step can be repeated.',
    next: 'Run the same command again: it goes on from the journal.',
  },
  E_ENGINE_KEY: {
    exit: EXIT.host,
    title: 'The engine has no key for the other hosts',
    meaning:
      'On its way from the depot to other hosts the engine has a key in memory alone, and a certificate from the operator for ' +
      'one plan and a few hours. The depot was started anew in the middle, or the hours are over.',
    next: 'Run the same command again: the station signs a new certificate, and the plan goes on.',
  },
  E_HOST_TRUST: {
    exit: EXIT.host,
    title: 'A host does not take the certificate that the operator signs for the engine',
    meaning: 'sshd on the host was told to trust the operator’s key for the engine on the depot, but it does not follow its own settings.',
    next: 'On the host: sshd -T, and that /etc/ssh/sshd_config includes /etc/ssh/sshd_config.d/*.conf; then run the same command again.',
  },
  E_STATE: {
    exit: EXIT.integrity,
    title: 'A record of the depot is damaged',
    meaning: 'A state, journal or memory file does not parse or its chain of digests is broken. Nothing was changed.',
    next: 'sallyport status --site DIR, then restore /var/lib/sallyport from its backup; the floor is kept elsewhere.',
  },
  E_RELEASE: {
    exit: EXIT.integrity,
    title: 'A release cannot be laid out',
    meaning: 'Two trees of the bundle claim one path, or an image lacks a part. The bundle is signed, but it cannot be used.',
    next: 'Report the bundle to its publisher.',
  },
  E_APT: {
    exit: EXIT.host,
    title: 'Debian packages could not be installed from the depot',
    meaning: 'apt refused an index or a package, with every check on. Its output is above.',
    next: 'Check the clock of the host and validUntil.stretchDays in site.yaml, then run the same command again.',
  },
  E_SERVE: {
    exit: EXIT.host,
    title: 'The depot does not serve its mirrors',
    meaning: 'nginx did not accept its configuration, or does not answer over TLS with the certificate of the organisation.',
    next: 'On the depot: nginx -t; journalctl -u nginx',
  },
  E_CONVERGE: {
    exit: EXIT.host,
    title: 'Ansible could not bring a host to the declared state',
    meaning: 'The tasks listed failed. The whole output is in the log file on the depot that is named.',
    next: 'Read the log on the depot, correct the cause, then run the same command again.',
  },
  E_HEALTH: {
    exit: EXIT.host,
    title: 'A service is not healthy',
    meaning: 'The health gate asks every service what its users would ask. The failed checks are listed.',
    next: 'On the host: systemctl status SERVICE; journalctl -u SERVICE',
  },
  E_INSTALL_FAILED: {
    exit: EXIT.host,
    title: 'The installation did not finish',
    meaning: 'A step failed and nothing ran here before, so there is nothing to go back to. Done steps are kept.',
    next: 'Correct the cause, then run the same install again: it goes on where it stopped.',
  },
  E_ROLLED_BACK: {
    exit: EXIT.rolledBack,
    title: 'The new release failed; the old one runs',
    meaning: 'A step or the health gate failed. The old release was put back with its data, and is healthy.',
    next: 'sallyport status --site DIR',
  },
  E_BROKEN: {
    exit: EXIT.broken,
    title: 'Neither the new nor the old release runs',
    meaning: 'The new release failed and putting the old one back failed too. Both reasons are shown; the backups are kept.',
    next: 'Read the logs named, correct the cause on the host, then: sallyport rollback --site DIR --yes',
  },
  E_MEND_FIRST: {
    exit: EXIT.broken,
    title: 'The site is broken: the release that ran has to be put back first',
    meaning:
      'An upgrade failed and so did putting the old release back. Another upgrade would take its backup from half-changed ' +
      'data, so none is started.',
    next: 'sallyport rollback --site DIR',
  },
  E_CERTIFICATE: {
    exit: EXIT.trust,
    title: 'A certificate cannot be used',
    meaning:
      'A certificate must chain to the organisation’s root, belong to the key on the host, carry exactly the names asked for, be for ' +
      'TLS server and client authentication, be valid now and not revoked. Those without a fault were taken.',
    next: 'Have the certificates named issued again from the requests in SITE/requests, as docs/guides/certificates.md says.',
  },
  E_CRL: {
    exit: EXIT.trust,
    title: 'A revocation list cannot be used',
    meaning:
      'A list must be signed by an authority of the site, be in its time, whole, and never go back behind the one in force. ' +
      'Where lists are used at all, each authority of the organisation needs one: TLS libraries refuse a chain with a list missing.',
    next: 'Get the lists named from the organisation’s PKI, then: sallyport certificates crl FILE… --site DIR',
  },
  E_PARTNER: {
    exit: EXIT.trust,
    title: 'A partner’s certificate cannot be used',
    meaning:
      'A partner is let in by a cross-certificate that the organisation issued to the partner’s authority, and only under ' +
      'constraints on names: else that authority could name anybody of the organisation, or one of its services.',
    next: 'Have the cross-certificate issued with the constraints that docs/guides/certificates.md lists.',
  },
  E_ISSUING_CA: {
    exit: EXIT.trust,
    title: 'The issuing CA cannot be used',
    meaning: 'The CA certificate, its key or the passphrase do not fit together, or it may not issue or has expired.',
    next: 'Check pki in site.yaml and the passphrase.',
  },
  E_WAITING_FOR_CERTIFICATES: {
    exit: EXIT.interrupted,
    title: 'Waiting for certificates',
    meaning: 'Keys were made on the hosts and their requests written as one text file. The plan waits until they are answered.',
    next: 'sallyport certificates import FOLDER --site DIR, then the same command again',
  },
} as const satisfies Record<string, CodeDoc>

export const fault = faultsOf(CODES)
