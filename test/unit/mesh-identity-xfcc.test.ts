import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { MeshFault } from '../../src/mesh/fault.ts'
import { callerOf } from '../../src/mesh/identity/xfcc.ts'
import { createPki, type Pki } from '../contract/mesh-pki.ts'

const HASH = '468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688'
const THUMBPRINT = Buffer.from(HASH, 'hex').toString('base64url')

const read = (header: string | string[] | undefined): ReturnType<typeof callerOf> =>
  callerOf(header === undefined ? {} : ({ 'x-forwarded-client-cert': header } as never))

function refused(header: string | string[] | undefined, why: RegExp): void {
  assert.throws(
    () => read(header),
    (error: unknown) => error instanceof MeshFault && error.code === 'E_MESH_TOKEN' && why.test(error.message),
    `not refused: ${String(header).slice(0, 100)}`,
  )
}

describe('x-forwarded-client-cert', () => {
  let pki: Pki
  before(async () => {
    pki = await createPki(['alice', 'bob'])
  })
  after(() => pki.remove())

  /** As Envoy encodes a certificate. */
  const encoded = (pem: string): string => encodeURIComponent(pem)
  const hashOf = (pem: string): string => new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase()

  it('is read as Envoy writes it', () => {
    const { certificatePem, thumbprint } = pki.issue('alice')
    const header = `By=spiffe://mesh.example/control-plane;By=https://x.example/;Hash=${hashOf(certificatePem)};Cert="${encoded(certificatePem)}";Chain="${encoded(certificatePem)}";Subject="CN=alice,O=Example";URI=;DNS=a.example;DNS=b.example`
    assert.deepEqual(read(header), { thumbprint, subject: 'CN=alice,O=Example', dns: ['a.example', 'b.example'], uris: [] })
  })

  it('keeps a subject whatever it holds', () => {
    for (const subject of ['', 'CN=a\\,b\\;c,O=x', 'CN=\\"quoted\\";Hash\\=0', 'CN=back\\\\', 'CN=\\C3\\A9,O=a;DNS=evil', 'CN=a, Hash=b'])
      assert.equal(read(`Hash=${HASH};Subject="${subject}"`).subject, subject)
    assert.equal(read(`Subject="";Hash=${HASH}`).thumbprint, THUMBPRINT)
  })

  it('is refused when it is absent', () => {
    refused(undefined, /no client certificate/)
    refused('', /no client certificate/)
  })

  it('is refused with more than one element: somebody else wrote one', () => {
    const one = `Hash=${HASH};Subject="CN=alice"`
    refused(`${one},${one}`, /one whole element/)
    refused(`${one}, ${one}`, /one whole element/)
    refused([one, one], /no client certificate/)
    refused(`Hash=${HASH};Hash=${'0'.repeat(64)};Subject="CN=alice"`, /2 times Hash/)
    refused(`${one};Subject="CN=bob"`, /2 times Subject/)
  })

  it('is refused without what identifies', () => {
    refused('Subject="CN=alice"', /0 times Hash/)
    refused(`Hash=${HASH}`, /0 times Subject/)
    refused('Hash=;Subject="CN=alice"', /no usable Hash/)
    refused(`Hash=${HASH.slice(1)};Subject="CN=alice"`, /no usable Hash/)
    refused(`Hash=${HASH.toUpperCase()};Subject="CN=alice"`, /no usable Hash/)
    refused(`hash=${HASH};Subject="CN=alice"`, /never writes/)
  })

  it('is refused when it is garbage', () => {
    const garbage = [
      'alice', ';', '=', `Hash=${HASH};`, `;Hash=${HASH}`, `Hash = ${HASH}`, `Hash=${HASH};;Subject="CN=a"`,
      `Hash=${HASH};Subject="CN=alice`, `Hash=${HASH};Subject=CN=alice`, `Hash=${HASH};Subject="CN=alice"x`,
      `Hash=${HASH};Subject="CN=alice\\"`, `Hash=${HASH};Subject="CN=alice";DNS="a`, `Hash=${HASH}\u0000;Subject=""x`,
    ]
    for (const header of garbage) refused(header, /one whole element/)
    refused(`Hash=${HASH};Subject="CN=a";Trust=yes`, /never writes/)
    refused(`Hash=${HASH};Subject="${'a'.repeat(20_000)}"`, /too long/)
  })

  it('is refused when a name is no name', () => {
    for (const dns of ['a b', 'a..b', 'a/b', 'é', '.'])
      refused(`Hash=${HASH};Subject="";DNS=${dns}`, /DNS that is no name/)
    refused(`Hash=${HASH};Subject="";URI=nothing`, /URI that is no name/)
    refused(`Hash=${HASH};Subject="";${Array.from({ length: 65 }, () => 'DNS=a').join(';')}`, /DNS that is no name/)
  })

  it('is refused when certificate and digest are not of one another', () => {
    const alice = pki.issue('alice').certificatePem
    const bob = pki.issue('bob').certificatePem
    refused(`Hash=${hashOf(alice)};Cert="${encoded(bob)}";Subject=""`, /contradicts itself/)
    refused(`Hash=${hashOf(alice)};Cert="";Subject=""`, /holds no certificate/)
    refused(`Hash=${hashOf(alice)};Cert="%zz";Subject=""`, /holds no certificate/)
  })
})
