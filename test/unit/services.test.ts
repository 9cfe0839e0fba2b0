import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { ruleOf, SERVICES, type Listen, type Service } from '../../src/cli/ports-page.ts'

const read = (path: string): unknown => JSON.parse(readFileSync(new URL(`../../ansible/${path}`, import.meta.url), 'utf8'))
const services = Object.entries(SERVICES)
const listeners = services.flatMap(([name, service]) => service.listens.map((listen) => ({ name, service, listen, id: `${name}-${listen.name}` })))
const open = listeners.filter(({ listen }) => listen.bind === 'address')
const rules = listeners.flatMap(({ id, name, listen }) => listen.callers.map((caller) => ({ id, name, listen, rule: ruleOf(caller) })))
const isPrefix = (pattern: string): boolean => pattern.endsWith('*')
const covers = (pattern: string, path: string): boolean => (isPrefix(pattern) ? path.startsWith(pattern.slice(0, -1)) : pattern === path)

function duplicates<T>(values: readonly T[]): T[] {
  return values.filter((value, index) => values.indexOf(value) !== index)
}

function portsOf({ port, lastPort = port }: Listen): number[] {
  return Array.from({ length: lastPort - port + 1 }, (_, index) => port + index)
}

function loopbackPorts(service: Service): number[] {
  return service.listens.filter(({ bind }) => bind === 'loopback').map(({ port }) => port)
}

describe('services.json', () => {
  test('has the shape of its schema', () => {
    const ajv = new Ajv2020({ allErrors: true, strict: true, strictRequired: false, strictTypes: false })
    const validate = ajv.compile(read('services.schema.json') as object)
    assert.ok(validate(read('group_vars/all/services.json')), JSON.stringify(validate.errors, null, 1))
  })

  test('gives no port twice, and none that a program gets by chance', () => {
    const ports = listeners.flatMap(({ listen }) => portsOf(listen))
    assert.deepEqual(duplicates(ports), [])
    assert.deepEqual(ports.filter((port) => port >= 32_768), [])
  })

  test('gives no uid twice, but to programs of one image that are one engine', () => {
    const uids = new Map<number, string>()
    for (const [name, service] of services)
      for (const [key, { uid, image }] of [[name, service] as const, ...Object.entries(service.variants ?? {})]) {
        if (uid === undefined) continue
        const engine = `${image} ${name.split('-')[0]}`
        assert.equal(uids.get(uid) ?? engine, engine, `${key}: uid ${uid}`)
        uids.set(uid, engine)
      }
  })

  test('names only callers that there are', () => {
    const known = new Set([...services.map(([name]) => name), 'person', 'operator', 'anyone'])
    assert.deepEqual(rules.filter(({ rule }) => !known.has(rule.caller)).map(({ id, rule }) => `${id}: ${rule.caller}`), [])
  })

  test('names a caller once on a listener, unless for other paths', () => {
    for (const { id, listen } of open)
      assert.deepEqual(duplicates(listen.callers.map(ruleOf).map(({ caller, paths = [] }) => `${id} ${caller} ${paths.join()}`)), [])
  })

  test('lets the proxy alone reach a backend', () => {
    const others = listeners.filter(({ listen }) => listen.bind === 'loopback' && listen.callers.join() !== 'proxy')
    assert.deepEqual(others.map(({ id }) => id), [])
  })

  test('leads every listener of the proxy to a backend of the same service', () => {
    for (const { id, service, listen } of open) {
      const targets = [listen.upstream, ...listen.callers.map((caller) => ruleOf(caller).upstream)].filter((port) => port !== undefined)
      for (const port of targets) assert.ok(loopbackPorts(service).includes(port), `${id} leads to ${port}`)
    }
  })

  test('leaves no backend without a way to it', () => {
    for (const [name, service] of services) {
      const reached = service.listens.flatMap((listen) => [listen.upstream, ...listen.callers.map((caller) => ruleOf(caller).upstream)])
      const checked = service.listens.filter(({ health }) => health !== undefined).map(({ port }) => port)
      const idle = loopbackPorts(service).filter((port) => ![...reached, ...checked].includes(port))
      assert.deepEqual(idle, [], name)
    }
  })

  test('demands a certificate of everyone but where anyone may call', () => {
    for (const { id, listen } of open)
      assert.equal(listen.callers.some((caller) => ruleOf(caller).caller === 'anyone'), listen.client === 'optional', id)
  })

  test('lets nobody by a word alone: anyone has methods and paths', () => {
    const open = rules.filter(({ rule }) => rule.caller === 'anyone' && !(rule.methods && rule.paths && !rule.paths.some(isPrefix)))
    assert.deepEqual(open.map(({ id }) => id), [])
  })

  test('compares whole paths only where they are not normalised', () => {
    const loose = rules.filter(({ listen, rule }) => listen.verbatim && rule.paths?.some(isPrefix))
    assert.deepEqual(loose.map(({ id }) => id), [])
  })

  test('keeps paths that lead elsewhere for their own callers', () => {
    for (const { id, listen, rule } of rules.filter(({ rule }) => rule.upstream !== undefined))
      for (const path of rule.paths ?? [])
        for (const other of listen.callers.map(ruleOf).filter(({ upstream }) => upstream !== rule.upstream))
          assert.ok(!other.paths?.some((pattern) => !isPrefix(pattern) && covers(path, pattern)), `${id}: ${path} is ${other.caller}'s as well`)
  })

  test('keeps paths on which the proxy speaks for a caller for that caller', () => {
    for (const { id, listen, rule } of rules.filter(({ rule }) => rule.headers !== undefined))
      for (const other of listen.callers.map(ruleOf).filter((one) => one.caller !== rule.caller))
        assert.ok(!other.paths?.some((pattern) => rule.paths?.some((path) => covers(path, pattern))), `${id}: ${other.caller}`)
  })

  test('says how every service behind the proxy is asked for its health', () => {
    const silent = services.filter(([name, service]) => {
      const behind = service.listens.some(({ terminates }) => terminates === 'proxy')
      return behind && name !== 'proxy' && !service.listens.some(({ health }) => health !== undefined)
    })
    assert.deepEqual(silent.map(([name]) => name), [])
  })

  test('has only listeners of the service in a variant', () => {
    for (const [name, service] of services)
      for (const variant of Object.values(service.variants ?? {}))
        assert.deepEqual(variant.listens.filter((listen) => !service.listens.some((one) => one.name === listen)), [], name)
  })

  test('knows every role of the profiles', () => {
    const roles = new Set(services.map(([, { role }]) => role))
    const profiles = read('profiles.json') as Record<string, { everywhere: string[]; placement: Record<string, (string | string[])[]> }>
    const used = Object.values(profiles).flatMap(({ everywhere, placement }) => [...everywhere, ...Object.values(placement).flat(2)])
    assert.deepEqual(used.filter((role) => !roles.has(role)), [])
  })
})
