import { describe } from 'node:test'
import { assessedAsItIs } from './shared/assessed.ts'
import { answersWithin, installed, onHost, PLACES } from './shared/enclave.ts'
import { at } from './shared/workshop.ts'

describe('the installed mesh is assessed, and what is broken on its host is named', () => {
  assessedAsItIs(async () => {
    const { lab } = await installed()
    await answersWithin(240)
    const { running } = JSON.parse(await onHost(lab, 'cat /var/lib/sallyport/state.json')) as { running: { version: string } }
    return { lab, site: PLACES.site, bundle: PLACES.bundle(running.version), folder: at('assessed'), passphraseFile: PLACES.passphrase, rootList: `${PLACES.pki}/crl.pem` }
  }, [])
})
