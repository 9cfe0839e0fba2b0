// Debian packages beyond a minimal installation, each with its reason and with what needs it.
const BOTH = ['demo', 'test']

export const PACKAGES = [
  { name: 'mmdebstrap', for: BOTH, why: 'makes the Debian 13 of lab hosts and the base layer of container images' },
  { name: 'debian-archive-keyring', for: BOTH, why: "holds the keys that Debian's package lists are checked with" },
  { name: 'systemd-container', for: BOTH, why: 'systemd-nspawn boots lab hosts' },
  { name: 'iproute2', for: BOTH, why: 'makes the network of a lab' },
  { name: 'nftables', for: BOTH, why: 'closes the network of a lab to everything else' },
  { name: 'openssh-client', for: BOTH, why: 'keys of lab hosts, and lab ssh' },
  { name: 'openssl', for: BOTH, why: "the organisation's certificates, and checking a bundle without our code" },
  { name: 'tcpdump', for: BOTH, why: 'records that no packet leaves a lab' },
  { name: 'docker-registry', for: ['test'], why: 'a local registry that the oci source is tested against' },
  { name: 'skopeo', for: ['test'], why: 'puts images into that registry' },
]
