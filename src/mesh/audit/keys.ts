import { createPrivateKey, createPublicKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fault } from '../codes.ts'
import type { MeshConfig } from '../config.ts'

/** The private key that signs heads of this control plane's part of the log; P-384 only. Throws E_MESH_CONFIG. */
export async function signingKey(config: MeshConfig): Promise<KeyObject> {
  return p384(createPrivateKey(await readFile(config.audit.signingKey)), 'the key that signs the audit log')
}

/**
 * Public keys of the site's control planes by instance, this one included. One that has left the site stays: its part of
 * the log is still to be proven.
 */
export async function instanceKeys(config: MeshConfig): Promise<ReadonlyMap<string, KeyObject>> {
  const keys = new Map<string, KeyObject>()
  for (const name of await readdir(config.audit.instances)) {
    if (!name.endsWith('.pem')) continue
    const text = await readFile(join(config.audit.instances, name))
    keys.set(name.slice(0, -'.pem'.length), p384(createPublicKey(text), `the audit key ${name}`))
  }
  return keys.set(config.instance, createPublicKey(await signingKey(config)))
}

function p384(key: KeyObject, what: string): KeyObject {
  const curve = key.asymmetricKeyDetails?.namedCurve
  if (curve === 'secp384r1') return key
  throw fault('E_MESH_CONFIG', `${what} is not a P-384 key`, { found: curve ?? key.asymmetricKeyType ?? 'unknown' })
}
