import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { TLSSocket } from 'node:tls'

/**
 * What a site's alert receiver is: an HTTPS server that lets only certificates of the organisation in. A program of its
 * own, because it runs in the network of a lab. Arguments: folder with hook.pem, hook.key.pem and ca.pem; port. Prints
 * `ready`, then one line of JSON a post: {from, body}.
 */
const [folder = '', port = ''] = process.argv.slice(2)
const read = (name: string): Buffer => readFileSync(`${folder}/${name}`)

createServer(
  { key: read('hook.key.pem'), cert: read('hook.pem'), ca: read('ca.pem'), requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3' },
  (request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const from = (request.socket as TLSSocket).getPeerCertificate().subjectaltname ?? ''
      console.log(JSON.stringify({ from, body: JSON.parse(Buffer.concat(parts).toString()) as unknown }))
      response.end()
    })
  },
).listen(Number(port), () => console.log('ready'))
