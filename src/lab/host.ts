import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { program } from './program.ts'

/** Written into a host's file system before its first start. Path → content; folders are made as needed. */
interface Furnishing {
  readonly hostname: string
  readonly address: string
  /** Public key line that may log in as root. */
  readonly operator: string
}

/**
 * What the lab itself has to say to a host because of where it runs; nothing here is the product's. The kernel's pids
 * controller and open-file limits are those of this machine, and may be lower than containers ask for by default.
 */
const CONTAINERS = `# Made by the lab: limits of the machine that this host runs on.
[containers]
pids_limit = 0
default_ulimits = ["nofile=20000:20000"]
`

const SSHD = `# Made by the lab: keys only.
PasswordAuthentication no
HostKey /etc/ssh/ssh_host_ecdsa_key
HostKey /etc/ssh/ssh_host_ed25519_key
`

/** Makes a copied file system into one host of its own. Returns its public host keys. */
export async function furnish(rootfs: string, { hostname, address, operator }: Furnishing): Promise<string[]> {
  const files: Record<string, string> = {
    'etc/hostname': `${hostname}\n`,
    'etc/hosts': `127.0.0.1 localhost\n::1 localhost\n${address} ${hostname}\n`,
    'etc/machine-id': `${randomBytes(16).toString('hex')}\n`,
    'etc/resolv.conf': '# This host has no name server.\n',
    'etc/containers/containers.conf.d/00-lab.conf': CONTAINERS,
    'etc/ssh/sshd_config.d/lab.conf': SSHD,
    'root/.ssh/authorized_keys': `${operator.trim()}\n`,
  }
  for (const [path, content] of Object.entries(files)) {
    const file = join(rootfs, path)
    await mkdir(dirname(file), { recursive: true })
    await rm(file, { force: true })
    await writeFile(file, content)
  }
  await chmod(join(rootfs, 'root/.ssh'), 0o700)
  await chmod(join(rootfs, 'root/.ssh/authorized_keys'), 0o600)
  return [
    await makeKey(join(rootfs, 'etc/ssh/ssh_host_ecdsa_key'), 'ecdsa', `root@${hostname}`),
    await makeKey(join(rootfs, 'etc/ssh/ssh_host_ed25519_key'), 'ed25519', `root@${hostname}`),
  ]
}

/** Makes an SSH key pair without passphrase at `file` and `file.pub`; ECDSA on P-384. Returns the public line. */
export async function makeKey(file: string, type: 'ecdsa' | 'ed25519', comment: string): Promise<string> {
  const bits = type === 'ecdsa' ? ['-b', '384'] : []
  await program('ssh-keygen', ['-q', '-t', type, ...bits, '-N', '', '-C', comment, '-f', file])
  return (await readFile(`${file}.pub`, 'utf8')).trim()
}
