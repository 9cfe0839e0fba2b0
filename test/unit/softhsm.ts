import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Debian's SoftHSM: a PKCS#11 module whose tokens are folders. */
export const MODULE = '/usr/lib/softhsm/libsofthsm2.so'
export const PIN = '27182818'
const OFFICER = '31415926'

/** Of PKCS#11 and of SoftHSM's own files: the type of an attribute, and how its value is kept. */
const CKA_SIGN = '00000000000001080000000000000001'
const CKA_OS_TOKENFLAGS = '000000008000534b0000000000000002'
export const FLAGS = { userPinLocked: 0x40000, userPinFinalTry: 0x20000 }

const settingsIn = (folder: string): string => join(folder, 'softhsm2.conf')

/** Programs started from here see the tokens that were made in `folder`. */
export function useTokens(folder: string): void {
  process.env['SOFTHSM2_CONF'] = settingsIn(folder)
}

/** Tokens in `folder/tokens`; programs started from here see them. */
export class SoftTokens {
  readonly folder: string

  constructor(folder: string) {
    this.folder = join(folder, 'tokens')
    mkdirSync(this.folder)
    writeFileSync(settingsIn(folder), `directories.tokendir = ${this.folder}\nobjectstore.backend = file\nlog.level = ERROR\n`)
    useTokens(folder)
  }

  /** Returns the folder of the new token. */
  add(label: string): string {
    const before = readdirSync(this.folder)
    execFileSync('softhsm2-util', ['--init-token', '--free', '--label', label, '--so-pin', OFFICER, '--pin', PIN], { stdio: 'pipe' })
    return join(this.folder, readdirSync(this.folder).find((name) => !before.includes(name)) ?? '')
  }

  /** A token whose user never got a PIN. */
  addWithoutPin(label: string): void {
    const slot = /Slot \d+ \((0x[0-9a-f]+)\)[^\n]*\n {2}token state: +uninitialized/.exec(this.tool(['--list-slots']))?.[1] ?? ''
    this.tool(['--init-token', '--slot', slot, '--label', label, '--so-pin', OFFICER])
  }

  key(token: string, label: string, id: string, kind = 'EC:secp384r1'): void {
    this.tool(['--token-label', token, '--login', '--pin', PIN, '--keypairgen', '--key-type', kind, '--usage-sign', '--label', label, '--id', id])
  }

  tool(words: readonly string[]): string {
    return execFileSync('pkcs11-tool', ['--module', MODULE, ...words], { encoding: 'utf8', stdio: 'pipe' })
  }

  /** Takes from every private key of a token the right to sign, as its officer would have made it. */
  forbidSigning(token: string): void {
    for (const name of readdirSync(token).filter((one) => one.endsWith('.object') && one !== 'token.object')) change(join(token, name), CKA_SIGN, (value) => value.writeUInt8(0))
  }

  setFlag(token: string, flag: number): void {
    change(join(token, 'token.object'), CKA_OS_TOKENFLAGS, (value) => value.writeUInt32BE(value.readUInt32BE(4) | flag, 4))
  }
}

function change(file: string, attribute: string, set: (value: Buffer) => void): void {
  const bytes = readFileSync(file)
  const at = bytes.indexOf(Buffer.from(attribute, 'hex'))
  if (at < 0) return
  set(bytes.subarray(at + 16))
  writeFileSync(file, bytes)
}
