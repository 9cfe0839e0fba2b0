// What a minimal Debian installation lacks, each with its reason and with what needs it. An entry with a `program` counts
// as there when that program is on PATH, wherever it came from.
const BOTH = ['demo', 'test']

export const PACKAGES = [
  { name: 'mmdebstrap', program: 'mmdebstrap', for: BOTH, why: 'makes the Debian 13 of lab hosts' },
  { name: 'debian-archive-keyring', for: BOTH, why: "holds the keys that Debian's package lists are checked with" },
  { name: 'systemd-container', program: 'systemd-nspawn', for: BOTH, why: 'boots lab hosts' },
  { name: 'iproute2', program: 'ip', for: BOTH, why: 'makes the network of a lab' },
  { name: 'nftables', program: 'nft', for: BOTH, why: 'closes the network of a lab to everything else' },
  { name: 'openssh-client', program: 'ssh', for: BOTH, why: 'keys of lab hosts, and lab ssh' },
  { name: 'openssl', program: 'openssl', for: BOTH, why: "the organisation's certificates, and checking a bundle without our code" },
  { name: 'tcpdump', program: 'tcpdump', for: BOTH, why: 'records that no packet leaves a lab' },
  { name: 'python3-pip', program: 'pip3', for: ['test'], why: 'the client of the pypi source' },
  { name: 'python3-venv', for: ['test'], why: 'an environment of its own for ansible-lint' },
  { name: 'strace', program: 'strace', for: ['test'], why: 'kills an import at a chosen write to the disk' },
  { name: 'prometheus', program: 'promtool', for: ['test'], why: 'tests the rules of the alerts' },
  { name: 'golang-go', program: 'go', for: ['test'], why: 'the client of the go source' },
  { name: 'skopeo', program: 'skopeo', for: ['test'], why: 'the client of the oci source' },
  { name: 'docker-registry', program: 'docker-registry', for: ['test'], why: 'a local registry that the oci source is tested against' },
  { name: 'postgresql', for: ['test'], why: 'a database of its own that the control plane is tested on' },
  { name: 'faketime', program: 'faketime', for: ['test'], why: 'shows apt a mirror that is months old' },
  { name: 'git', program: 'git', for: ['test'], why: 'the client of the git source, and lists the files that the rules of the tree are checked on' },
  { name: 'ansible-core', program: 'ansible-galaxy', for: ['test'], why: 'the client of the galaxy source' },
  { name: 'dnf', program: 'dnf', for: ['test'], why: 'the client of the rpm source' },
  { name: 'rpm', program: 'rpmbuild', for: ['test'], why: 'makes and signs the packages that the rpm source is tested on' },
  { name: 'createrepo-c', program: 'createrepo_c', for: ['test'], why: 'makes the repository that the rpm source is tested on' },
  { name: 'gnupg', program: 'gpg', for: ['test'], why: 'signs what the rpm source is tested on' },
  { name: 'par2', program: 'par2', for: ['test'], why: 'makes parity of volumes, and travels on them' },
  { name: 'xorriso', program: 'xorriso', for: ['test'], why: 'makes images of discs' },
  { name: 'opensc', program: 'pkcs11-tool', for: ['test'], why: 'signs with keys that lie in a token' },
  { name: 'softhsm2', program: 'softhsm2-util', for: ['test'], why: 'a token that is a program, to sign with in tests' },
]
