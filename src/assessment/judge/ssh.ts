import { createHash } from 'node:crypto'
import { judged } from '../assessment.ts'
import { onFacts, withAnswer, type Judge } from './subject.ts'

/** `sshd -T`: the values that are taken. */
const TAKEN: Readonly<Record<string, readonly string[]>> = {
  passwordauthentication: ['no'],
  kbdinteractiveauthentication: ['no'],
  hostbasedauthentication: ['no'],
  permitemptypasswords: ['no'],
  pubkeyauthentication: ['yes'],
  // `without-password` is the older name of `prohibit-password`, and what sshd -T says.
  permitrootlogin: ['without-password', 'prohibit-password', 'forced-commands-only'],
}

/** SLP-170 */
export const keysAlone: Judge = onFacts('ssh', ({ settings }) => {
  const value = (name: string): string => (settings[name] ?? []).join(' ') || 'not said'
  const names = Object.keys(TAKEN)
  const faults = names.filter((name) => !TAKEN[name]?.includes(value(name))).map((name) => `${name} is ${value(name)}, taken is ${TAKEN[name]?.join(' or ')}`)
  return judged(faults, names.map((name) => `${name} ${value(name)}`))
})

const AUTHORITY_FILE = '/etc/ssh/sallyport/authority.pub'
const KEY = /(?:^|\s)((?:ssh|ecdsa|sk)-[^\s]+) ([A-Za-z0-9+/]+=*)/

/** SLP-180 */
export const operatorAlone: Judge = onFacts('ssh', ({ settings, authorities, keys }, { operatorKey }) =>
  withAnswer(operatorKey, (operator) => {
    const file = settings['trustedusercakeys']?.[0] ?? 'none'
    const faults: string[] = []
    if (file !== 'none' && file !== AUTHORITY_FILE) faults.push(`TrustedUserCAKeys is ${file}`)
    for (const line of file === 'none' ? [] : authorities) if (blobOf(line) !== operator) faults.push(`${file} trusts an authority that is not the operator: ${fingerprint(line)}`)
    for (const line of keys) if (isAuthority(line) && blobOf(line) !== operator) faults.push(`authorized_keys of root trusts an authority that is not the operator: ${fingerprint(line)}`)
    const command = settings['authorizedkeyscommand']?.[0] ?? 'none'
    if (command !== 'none') faults.push(`AuthorizedKeysCommand is ${command}`)
    return judged(faults, [
      file === 'none' ? 'no authority for certificates of users' : `authority: ${authorities.map(fingerprint).join(', ')}, the operator's key`,
      ...keys.map((line) => `may log in as root: ${fingerprint(line)}${blobOf(line) === operator ? ', the operator of this assessment' : ''}`),
    ])
  }),
)

const blobOf = (line: string): string | undefined => KEY.exec(line)?.[2]
const isAuthority = (line: string): boolean => /(?:^|,)cert-authority(?:,|\s)/i.test(line.slice(0, KEY.exec(line)?.index ?? 0) + ' ')

function fingerprint(line: string): string {
  const [, type, blob] = KEY.exec(line) ?? []
  if (type === undefined || blob === undefined) return 'a line that holds no key'
  return `${type} SHA256:${createHash('sha256').update(Buffer.from(blob, 'base64')).digest('base64').replace(/=+$/, '')}`
}
