import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** An organisation's PKI office as it is without us: a root and an issuing CA, run by openssl and its index files. */
export interface Office {
  readonly root: string
  readonly issuing: string
  /** Issues what one PKCS#10 of the request file asks for, with the names written beside it. Answers the file. */
  issue(request: Asked, name: string): string
  /** A person's or service's own certificate, with a key made here: for callers in a test. */
  caller(name: string, names: readonly string[]): { key: string; certificate: string }
  revoke(certificate: string): void
  /** The lists of both authorities as files, PEM, for so many days. */
  lists(days: number): string[]
}

export interface Asked {
  readonly host: string
  readonly service: string
  readonly names: string
  readonly request: string
}

/** Reads the file that a site sent out, as a person would: what stands beside each PKCS#10. */
export function readRequestFile(path: string): Asked[] {
  const text = readFileSync(path, 'utf8')
  return text
    .split(/^Request \d+ of \d+$/m)
    .slice(1)
    .map((part) => {
      const field = (name: string): string => new RegExp(`^  ${name} +(.*)$`, 'm').exec(part)?.[1] ?? ''
      const request = /-----BEGIN CERTIFICATE REQUEST-----[^-]+-----END CERTIFICATE REQUEST-----/.exec(part)?.[0] ?? ''
      return { host: field('host'), service: field('service'), names: field('names'), request: `${request}\n` }
    })
}

export function openssl(...words: string[]): string {
  return execFileSync('openssl', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

const P384 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp384r1', '-nodes', '-sha384']

export function openOffice(folder: string): Office {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const at = (...parts: string[]): string => join(folder, ...parts)
  const files = { root: at('root.pem'), issuing: at('issuing.pem') }
  for (const name of ['root', 'issuing']) {
    mkdirSync(at(name))
    writeFileSync(at(name, 'index.txt'), '')
    writeFileSync(at(name, 'number'), '01\n')
    writeFileSync(at(`${name}.cnf`), configuration(folder, name))
  }
  openssl('req', '-x509', '-new', ...P384, '-keyout', at('root.key'), '-out', files.root, '-subj', '/O=Site Office/CN=Site Root', '-days', '3650',
    '-addext', 'keyUsage=critical,keyCertSign,cRLSign')
  openssl('req', '-new', ...P384, '-keyout', at('issuing.key'), '-out', at('issuing.csr'), '-subj', '/O=Site Office/CN=Site Issuing')
  sign('root', at('issuing.csr'), files.issuing, ['basicConstraints=critical,CA:true,pathlen:0', 'keyUsage=critical,keyCertSign,cRLSign'], 1000)

  function sign(by: string, request: string, out: string, extensions: readonly string[], days = 30): void {
    writeFileSync(at('extensions'), `${[...extensions, 'subjectKeyIdentifier=hash', 'authorityKeyIdentifier=keyid'].join('\n')}\n`)
    openssl('ca', '-batch', '-notext', '-config', at(`${by}.cnf`), '-extfile', at('extensions'), '-days', String(days), '-in', request, '-out', out)
  }
  const leaf = (names: string): string[] => [
    'basicConstraints=critical,CA:false',
    'keyUsage=critical,digitalSignature',
    'extendedKeyUsage=serverAuth,clientAuth',
    ...(names === '' ? [] : [`subjectAltName=${names}`]),
  ]
  return {
    ...files,
    issue({ names, request }, name) {
      writeFileSync(at('asked.csr'), request)
      sign('issuing', at('asked.csr'), at(`${name}.pem`), leaf(names))
      return at(`${name}.pem`)
    },
    caller(name, names) {
      openssl('req', '-new', ...P384, '-keyout', at(`caller-${name}.key`), '-out', at('caller.csr'), '-subj', `/CN=${name}`)
      sign('issuing', at('caller.csr'), at(`caller-${name}.pem`), leaf(names.map((one) => `DNS:${one}`).join(',')))
      return { key: readFileSync(at(`caller-${name}.key`), 'utf8'), certificate: readFileSync(at(`caller-${name}.pem`), 'utf8') + readFileSync(files.issuing, 'utf8') }
    },
    revoke(certificate) {
      openssl('ca', '-config', at('issuing.cnf'), '-revoke', certificate, '-crl_reason', 'keyCompromise')
    },
    lists(days) {
      return ['root', 'issuing'].map((name) => {
        openssl('ca', '-config', at(`${name}.cnf`), '-gencrl', '-crldays', String(days), '-out', at(`${name}.crl`))
        return at(`${name}.crl`)
      })
    },
  }
}

function configuration(folder: string, name: string): string {
  return `[ca]
default_ca = office
[office]
database = ${folder}/${name}/index.txt
new_certs_dir = ${folder}/${name}
certificate = ${folder}/${name}.pem
private_key = ${folder}/${name}.key
crlnumber = ${folder}/${name}/number
rand_serial = yes
default_md = sha384
unique_subject = no
policy = any
crl_extensions = list
[list]
authorityKeyIdentifier = keyid
[any]
organizationName = optional
commonName = supplied
`
}
