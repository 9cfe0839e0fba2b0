import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { describe, test } from 'node:test'
import { SERVICES, type Service } from '../../src/cli/ports-page.ts'

const ROLES = new URL('../../ansible/roles/', import.meta.url).pathname

interface Quadlet {
  readonly service: string
  readonly rights: Service
  readonly role: string
  readonly lines: readonly string[]
}

/** A template is called as its service, or is one of several containers of its role's service. */
function quadletOf(path: string): Quadlet {
  const stem = basename(path, '.container.j2')
  const role = basename(dirname(dirname(path)))
  const service = stem in SERVICES ? stem : role.replaceAll('_', '-')
  const rights = SERVICES[service]
  assert.ok(rights, `${path}: services.json has no ${service}`)
  return { service, rights, role, lines: linesOf(path) }
}

function linesOf(path: string): string[] {
  return readFileSync(ROLES + path, 'utf8').split('\n')
}

function values({ lines }: Quadlet, key: string): string[] {
  return lines.filter((line) => line.startsWith(`${key}=`)).map((line) => line.slice(key.length + 1))
}

/** What a template's variable says, looked up where the role defines it; anything else as it stands. */
function resolved({ role }: Quadlet, text: string): string {
  const name = /^\{\{ ([a-z_]+) \}\}$/.exec(text)?.[1]
  if (name === undefined) return text
  for (const file of globSync(`${role}/{vars,defaults}/*.yml`, { cwd: ROLES })) {
    const found = new RegExp(`^${name}: ["']?(.*?)["']?$`, 'm').exec(readFileSync(ROLES + file, 'utf8'))
    if (found) return found[1] ?? ''
  }
  return text
}

const paths = globSync('*/templates/*.container.j2', { cwd: ROLES })

describe('every container runs with the rights that services.json gives it', () => {
  for (const path of paths)
    test(path, () => {
      const quadlet = quadletOf(path)
      const { service, rights } = quadlet
      assert.deepEqual(values(quadlet, 'Pull'), ['never'])
      assert.deepEqual(values(quadlet, 'ReadOnly'), ['true'])
      assert.deepEqual(values(quadlet, 'DropCapability'), ['all'])
      assert.deepEqual(values(quadlet, 'NoNewPrivileges'), ['true'])
      assert.deepEqual(values(quadlet, 'AddCapability'), rights.capabilities ?? [])

      for (const key of ['User', 'Group']) {
        const [user = ''] = values(quadlet, key)
        const said = resolved(quadlet, user)
        const asked = /service.*\.uid\b/.test(said)
        assert.ok(asked || said === String(rights.uid), `${key}=${user} is ${said}, not uid ${rights.uid} of services.json`)
      }

      const [network = ''] = values(quadlet, 'Network')
      if (network === 'host') assert.equal(rights.network, 'host', `${service} is on the host's network`)
      else assert.ok(network === `${service}.network` || /^\{\{ \w+_service \}\}\.network$/.test(network), `Network=${network} is not its own`)

      const alone = rights.listens.some(({ bind, terminates, upstream }) => bind === 'address' && terminates === 'service' && upstream === undefined)
      for (const port of values(quadlet, 'PublishPort')) {
        assert.ok(port.startsWith('127.0.0.1:') || (alone && port.startsWith('{{ sallyport_address }}:')), `PublishPort=${port}`)
      }
      // Several containers of one service share the limits of its slice.
      const [slice] = values(quadlet, 'Slice')
      const limited = slice === undefined ? quadlet : { ...quadlet, lines: linesOf(`${dirname(path)}/${slice}.j2`) }
      assert.equal(values(limited, 'MemoryMax').length, 1, 'MemoryMax')
      assert.equal(values(limited, 'TasksMax').length, 1, 'TasksMax')
    })

  test('and there is one for every service with an image', () => {
    const covered = new Set(paths.map((path) => quadletOf(path).service))
    const images = Object.entries(SERVICES).filter(([, { image }]) => image !== undefined)
    const missing = images.filter(([name, { image }]) => !covered.has(name) && !images.some(([other, one]) => covered.has(other) && one.image === image))
    assert.deepEqual(missing.map(([name]) => name), [])
  })
})
