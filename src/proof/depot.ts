import { dirname, join } from 'node:path'
import { aptSuites } from '../enclave/depot/layout-release.ts'
import { sourceText } from '../enclave/depot/apt.ts'
import { nginxConfig, nginxFiles, nginxUnit } from '../enclave/depot/nginx.ts'
import { DEPOT_PORT, hostPaths } from '../enclave/paths.ts'
import { hostNamed, labRun, type Lab } from '../lab/lab.ts'
import { quoted } from './check.ts'
import { DOMAIN } from './organisation.ts'

export const DEPOT_NAME = `depot.${DOMAIN}`
export const DEPOT = `${DEPOT_NAME}:${DEPOT_PORT}`
/** What the depot of the workbench takes beyond the clients. */
export const DEPOT_PACKAGES = ['ca-certificates', 'nginx-light', 'openssl']

const PATHS = hostPaths()
const ROOT = '/usr/local/share/ca-certificates/proof.crt'
const STRETCH_DAYS = 400

/** A root of two days, a certificate of the depot, and one by which the depot knows a host. */
const CERTIFICATES = `mkdir -p ${PATHS.pki}/depot ${PATHS.pki}/host ${PATHS.depotTrust}
cd ${PATHS.pki}
new="-newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -days 2"
openssl req -x509 $new -keyout ca.key -out ca.pem -subj '/O=Proof/CN=Proof Root CA' -addext keyUsage=critical,keyCertSign,cRLSign
leaf() { openssl req -x509 $new -CA ca.pem -CAkey ca.key -keyout $1/key.pem -out $1/cert.pem -subj "/O=Proof/CN=$1" -addext basicConstraints=CA:FALSE -addext keyUsage=critical,digitalSignature -addext extendedKeyUsage=serverAuth,clientAuth -addext "subjectAltName=DNS:$1.${DOMAIN}"; }
leaf depot
leaf host
cp ca.pem ${PATHS.depotTrust}/ca.pem
: > ${PATHS.depotTrust}/crl.conf
: > ${PATHS.depotTrust}/revoked.map
`

/**
 * The workbench serves the release that is mounted at the depot's place as a depot of an enclave does: the product's own
 * configuration, over TLS. Both hosts know its name and its root.
 */
export async function serveFrom(lab: Lab, release: string): Promise<void> {
  const workbench = hostNamed(lab, 'h1')
  const files = nginxFiles(PATHS)
  await on(lab, 'h1', `set -eu\n{ ${CERTIFICATES} } 2>&1`)
  await put(lab, 'h1', files.config, nginxConfig(PATHS, DOMAIN, workbench.address))
  await put(lab, 'h1', files.unit, nginxUnit(PATHS))
  await on(lab, 'h1', 'systemctl daemon-reload && systemctl restart nginx.service')
  const [ca, key, cert] = [await on(lab, 'h1', `cat ${PATHS.pki}/ca.pem`), await on(lab, 'h1', `cat ${PATHS.pki}/host/key.pem`), await on(lab, 'h1', `cat ${PATHS.pki}/host/cert.pem`)]
  for (const { name } of lab.hosts) {
    await on(lab, name, `echo ${workbench.address} ${DEPOT_NAME} >> /etc/hosts; echo nameserver 127.0.0.1 > /etc/resolv.conf`)
    await put(lab, name, ROOT, ca)
    await on(lab, name, 'update-ca-certificates')
  }
  if (lab.hosts.length < 2) return
  const suites = await aptSuites(release)
  await put(lab, 'h2', `${PATHS.aptKeys}/key.pem`, key)
  await put(lab, 'h2', `${PATHS.aptKeys}/cert.pem`, cert)
  await on(lab, 'h2', `chown _apt ${PATHS.aptKeys}/key.pem && chmod 0400 ${PATHS.aptKeys}/key.pem`)
  const tls = [`CAInfo "${ROOT}"`, `SslCert "${PATHS.aptKeys}/cert.pem"`, `SslKey "${PATHS.aptKeys}/key.pem"`]
  await put(lab, 'h2', join(PATHS.aptConfig, '80proof'), tls.map((line) => `Acquire::https::${DEPOT_NAME}::${line};\n`).join(''))
  const keyring = await on(lab, 'h2', 'ls /usr/share/keyrings/debian-archive-keyring.gpg /usr/share/keyrings/debian-archive-keyring.pgp 2>/dev/null | head -n 1')
  await put(lab, 'h2', join(PATHS.aptSources, 'proof.sources'), sourceText(suites, { uri: `https://${DEPOT}/apt`, stretchDays: STRETCH_DAYS, keyring: keyring.trim() }))
}

/** Runs what the lab itself needs; what it says when it fails is a defect of ours or of the machine, never of the bundle. */
export async function on(lab: Lab, host: string, line: string): Promise<string> {
  const { code, stdout, stderr } = await labRun(lab, hostNamed(lab, host), line)
  if (code !== 0) throw new Error(`${host} of the lab: ${line.slice(0, 200)} ended with ${code}: ${stdout.slice(-2000)}${stderr.slice(-2000)}`)
  return stdout
}

async function put(lab: Lab, host: string, path: string, text: string): Promise<void> {
  const { code, stderr } = await labRun(lab, hostNamed(lab, host), `mkdir -p ${quoted(dirname(path))} && cat > ${quoted(path)}`, text)
  if (code !== 0) throw new Error(`${path} of ${host} cannot be written: ${stderr}`)
}
