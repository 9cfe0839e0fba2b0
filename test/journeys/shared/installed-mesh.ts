import { readFile } from 'node:fs/promises'
import type { Places } from '../../../src/demo/places.ts'
import { succeed } from '../../../src/demo/sallyport.ts'
import { openIssuer } from '../../../src/enclave/pki/authority.ts'
import { readSite } from '../../../src/enclave/site/read.ts'
import type { Lab } from '../../../src/lab/lab.ts'
import { installed, onHost, PLACES } from './enclave.ts'
import type { Mesh } from './mutual-tls.ts'

/** The enclave of the journeys, as the matrix of callers and listeners sees it. */
export interface InstalledMesh extends Mesh {
  /** Name of the authority, which another one may take. */
  readonly organisation: string
  /** Puts a list with these serials in force, as an operator would. */
  revoke(serials: readonly string[]): Promise<void>
}

export async function installedMesh(): Promise<InstalledMesh> {
  const { world, lab } = await installed()
  return meshOf(PLACES, lab, world.passphrase)
}

/** The same of any site that was made as the demo makes its own. */
export async function meshOf(places: Places, lab: Lab, passphrase: string): Promise<InstalledMesh> {
  const { site } = await readSite(places.site)
  const authority = { issuing: `${places.pki}/issuing.pem`, issuingKey: `${places.pki}/issuing-key.pem` }
  const issuer = await openIssuer(authority, passphrase, new Date())
  return {
    lab,
    domain: site.domain,
    hosts: site.hosts.map(({ name, address, roles }) => ({ name, address, roles })),
    issuer,
    roots: await readFile(`${places.pki}/root.pem`, 'utf8'),
    operator: site.people.find(({ operator }) => operator === true)?.id,
    organisation: 'Sallyport Demo',
    async revoke(serials) {
      // Lists come into use with the first: the root's own has to be there with that of the delegated CA.
      const inUse = await onHost(lab, 'cat /etc/sallyport/pki/crl.pem 2>/dev/null || true')
      if (inUse.trim() === '') await succeed(['certificates', 'crl', `${PLACES.pki}/crl.pem`, '--site', PLACES.site, '--ca-passphrase-file', PLACES.passphrase])
      await succeed([
        ...['certificates', 'revoke', ...serials, '--site', places.site],
        ...['--ca-passphrase-file', places.passphrase],
      ])
    },
  }
}
