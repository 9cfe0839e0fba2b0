import { readFile } from 'node:fs/promises'
import ssh2 from 'ssh2'
import { fault } from '../codes.ts'
import type { Login } from './connection.ts'
import { mpint, string } from './ssh-wire.ts'
import type { Signer } from './user-certificate.ts'

/** Hash of the signature by type of key: RSA never with SHA-1 (RFC 8332). */
const RSA = 'rsa-sha2-512'

/**
 * The operator's own key, as it logs in: from the identity file, or the one key that the agent holds. Throws E_HOST_LOGIN
 * when there is none, or more than one in the agent: a host trusts exactly one.
 */
export async function operatorKey(login: Login): Promise<Signer> {
  return login.identity === undefined ? fromAgent(login.agent) : fromFile(login.identity, login.passphrase)
}

async function fromFile(path: string, passphrase: string | undefined): Promise<Signer> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw fault('E_HOST_LOGIN', `the identity file ${path} cannot be read`, { found: error.code ?? error.message })
  })
  const parsed = ssh2.utils.parseKey(bytes, passphrase)
  const key = Array.isArray(parsed) ? parsed[0] : parsed
  if (key instanceof Error || !key?.isPrivateKey())
    throw fault('E_HOST_LOGIN', `the identity file ${path} holds no private key`, { found: key instanceof Error ? key.message : 'a public key' })
  const rsa = key.type === 'ssh-rsa'
  return {
    publicKey: key.getPublicSSH(),
    sign: async (data) => {
      const signature = key.sign(data, rsa ? 'sha512' : undefined) as Buffer | Error
      if (signature instanceof Error) throw signature
      const blob = key.type.startsWith('ecdsa-') ? integers(signature) : signature
      return Buffer.concat([string(rsa ? RSA : key.type), string(blob)])
    },
  }
}

async function fromAgent(socket: string | undefined): Promise<Signer> {
  const none = (found: string): Error =>
    fault('E_HOST_LOGIN', 'the operator’s agent cannot vouch for the engine', { expected: 'an agent with exactly one key, or operator.identity in site.yaml', found })
  if (socket === undefined) throw none('no agent')
  const agent = new ssh2.OpenSSHAgent(socket)
  const keys = await new Promise<readonly { type: string; getPublicSSH(): Buffer }[]>((resolve, reject) => {
    agent.getIdentities((error, found) => (error ? reject(none(`nobody answers at ${socket}: ${error.message}`)) : resolve((found ?? []) as never)))
  })
  const [key] = keys
  if (!key || keys.length !== 1) throw none(`${keys.length} keys`)
  const rsa = key.type === 'ssh-rsa'
  return {
    publicKey: key.getPublicSSH(),
    sign: (data) =>
      new Promise((resolve, reject) => {
        agent.sign(key.getPublicSSH(), data, rsa ? { hash: 'sha512' } : {}, (error, blob) =>
          error || !blob ? reject(none(error?.message ?? 'an agent that signed nothing')) : resolve(Buffer.concat([string(rsa ? RSA : key.type), string(blob)])),
        )
      }),
  }
}

/** SEQUENCE of two INTEGERs (DER), as two mpints (RFC 5656 section 3.1.2). */
function integers(der: Buffer): Buffer {
  let at = 2 + ((der[1] ?? 0) & 0x80 ? (der[1] ?? 0) & 0x7f : 0)
  const next = (): Buffer => {
    const length = der[at + 1] ?? 0
    const value = der.subarray(at + 2, at + 2 + length)
    at += 2 + length
    return value
  }
  return Buffer.concat([mpint(next()), mpint(next())])
}
