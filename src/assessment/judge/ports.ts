import { judged } from '../assessment.ts'
import { declaredPorts } from '../declared.ts'
import type { Socket } from '../observe/facts.ts'
import { onFacts, withAnswer, type Judge } from './subject.ts'

const onLoopback = (address: string): boolean => address.startsWith('127.') || address === '[::1]' || address.startsWith('[::ffff:127.')
/** Podman's names for containers, on the address of their own network. */
const isNames = ({ process, port }: Socket): boolean => process === 'aardvark-dns' && port === 53
const said = ({ protocol, address, port, process }: Socket): string => `${protocol} ${address}:${port} ${process}`.trim()

/** SLP-010 */
export const onlyDeclared: Judge = onFacts('sockets', (sockets, { services, site, host }) =>
  withAnswer(services, (known) => {
    const declared = declaredPorts(known, site.hosts, host)
    const address = new Set([...declared.address, host.port])
    const loopback = new Set(declared.loopback)
    const asked = sockets.filter((socket) => !isNames(socket))
    const odd = asked.filter((socket) => socket.protocol !== 'tcp' || !(onLoopback(socket.address) ? loopback : address).has(socket.port))
    const seen = (inner: boolean): string => [...new Set(asked.filter((one) => onLoopback(one.address) === inner).map(({ port }) => port))].toSorted((a, b) => a - b).join(', ')
    return judged(odd.map((socket) => `not declared: ${said(socket)}`), [`TCP on the address: ${seen(false)}`, `TCP on loopback: ${seen(true)}`])
  }),
)

/** SLP-020 */
export const plainOnLoopback: Judge = onFacts('sockets', (sockets, { services, facts, site, host }) =>
  withAnswer(services, (known) => {
    const { loopback, address } = declaredPorts(known, site.hosts, host)
    const plain = new Set(loopback.filter((port) => !address.includes(port)))
    const published = 'answer' in facts ? (facts.answer.containers?.running ?? []).flatMap(({ name, ports }) => ports.map((port) => ({ name, port }))) : []
    const faults = [
      ...sockets.filter((socket) => plain.has(socket.port) && !onLoopback(socket.address)).map((socket) => `plain and not on loopback: ${said(socket)}`),
      ...published.filter(({ port }) => plain.has(Number(port.slice(port.lastIndexOf(':') + 1))) && !port.startsWith('127.')).map(({ name, port }) => `${name} publishes ${port}`),
    ]
    return judged(faults, [`${plain.size} plain port(s) declared; those that listen do so on loopback alone`])
  }),
)
