import { Agent } from 'node:https'
import { Client } from 'minio'
import { certificateFor, type Mesh } from './mutual-tls.ts'
import { on } from './three.ts'

/** The object store by way of the proxy of one host, as the control plane calls it: its certificate, its account. */
export async function storeAt(mesh: Mesh, host: string): Promise<Client> {
  const name = `object-store.${mesh.domain}`
  const address = mesh.hosts.find((one) => one.name === host)?.address ?? host
  const { key, certificate } = await certificateFor(mesh, 'control-plane')
  const secret = (part: string): Promise<string> => on(mesh.lab, host, `cat /etc/sallyport/secrets/object-store-control-plane.${part}`)
  return new Client({
    endPoint: name,
    port: 7480,
    useSSL: true,
    region: 'us-east-1',
    accessKey: await secret('access'),
    secretKey: await secret('secret'),
    pathStyle: true,
    transportAgent: new Agent({
      key,
      cert: certificate,
      ca: mesh.roots,
      minVersion: 'TLSv1.3',
      keepAlive: false,
      timeout: 30_000,
      lookup: (_name, { all }, answer) => (all === true ? answer(null, [{ address, family: 4 }]) : answer(null, address, 4)),
    }),
    retryOptions: { disableRetry: true },
  })
}

export async function readObject(store: Client, bucket: string, key: string): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of await store.getObject(bucket, key)) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}
