import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { SERVICES } from '../../src/cli/ports-page.ts'
import { hostNamed, labRun } from '../../src/lab/lab.ts'
import { installedMesh, type InstalledMesh } from './shared/installed-mesh.ts'
import { runThere } from './shared/mutual-tls.ts'
import { declaredInside, declaredOutside, openPorts } from './shared/open-ports.ts'

interface Rights {
  readonly containers: readonly {
    readonly name: string
    readonly unit: string
    readonly ports: readonly string[]
    readonly processes: readonly {
      readonly command: string
      readonly uids: readonly number[]
      readonly capabilities: Readonly<Record<string, string>>
      readonly bounding: string
      readonly noNewPrivileges: boolean
      readonly readOnly: boolean
    }[]
  }[]
  readonly beside: readonly { readonly unit: string; readonly uid: number; readonly command: string }[]
}

describe('there is no way but the declared ones, and no right but the declared ones', () => {
  let mesh: InstalledMesh

  before(async () => {
    mesh = await installedMesh()
  })

  async function on(name: string, line: string): Promise<string> {
    const { code, stdout, stderr } = await labRun(mesh.lab, hostNamed(mesh.lab, name), line)
    assert.equal(code, 0, `${line}\n${stdout.slice(-2000)}${stderr.slice(-2000)}`)
    return stdout
  }

  test('a scan of every port finds what is declared, and inside nothing else listens', async () => {
    for (const { name, address, roles } of mesh.hosts) {
      assert.deepEqual(await openPorts(address), declaredOutside(mesh, roles), `TCP of ${name} from outside`)
      const declared = declaredInside(mesh, roles)
      const sockets = (await on(name, 'ss -Hlntup')).split('\n').filter((line) => line !== '')
      const odd = sockets.filter((line) => {
        const [protocol, , , , local = ''] = line.split(/\s+/)
        const port = Number(local.slice(local.lastIndexOf(':') + 1))
        // Names for containers, on the address of their own network.
        if (line.includes('"aardvark-dns"') && port === 53) return false
        if (protocol !== 'tcp') return true
        return !(local.startsWith('127.') || local.startsWith('[::1]') ? declared.loopback : declared.address).includes(port)
      })
      assert.deepEqual(odd, [], name)
    }
  })

  test('every process runs with the rights that are declared, and nothing beside it as root but Podman’s monitor', async () => {
    for (const { name } of mesh.hosts) {
      const { containers, beside } = JSON.parse(await runThere(mesh.lab, hostNamed(mesh.lab, name), 'rights.py')) as Rights
      assert.ok(containers.length > 0)
      const faults = containers.flatMap((container) => {
        const service = serviceOf(container.name)
        if (service === undefined) return [`${container.name} is not in services.json`]
        const declared = SERVICES[service]
        const uids = [declared?.uid, ...Object.values(declared?.variants ?? {}).map(({ uid }) => uid)]
        const some = (declared?.capabilities ?? []).length > 0
        return [
          ...(container.processes.length === 0 ? [`${container.name} has no process`] : []),
          ...container.processes.flatMap((one) => {
            const capabilities = Object.values({ ...one.capabilities, bounding: one.bounding }).some((set) => /[^0]/.test(set))
            return [
              ...(one.uids.length === 1 && uids.includes(one.uids[0]) ? [] : [`runs as ${one.uids.join()}`]),
              ...(capabilities && !some ? [`has capabilities ${JSON.stringify(one.capabilities)}`] : []),
              ...(one.noNewPrivileges ? [] : ['may gain privileges']),
              ...(one.readOnly ? [] : ['may write to its root file system']),
            ].map((fault) => `${container.name}: ${one.command} ${fault}`)
          }),
          ...container.ports.filter((port) => !allowed(service, port)).map((port) => `${container.name} publishes ${port}`),
        ]
      })
      assert.deepEqual(faults, [], name)
      assert.deepEqual(beside.filter(({ uid, command }) => uid === 0 && command !== 'conmon').map(({ unit, command }) => `${unit}: ${command}`), [], name)
    }
  })

  function serviceOf(container: string): string | undefined {
    const fitting = Object.keys(SERVICES).filter((service) => container === service || container.startsWith(`${service}-`))
    return fitting.toSorted((a, b) => b.length - a.length)[0]
  }

  function allowed(service: string, binding: string): boolean {
    const port = Number(binding.slice(binding.lastIndexOf(':') + 1))
    const declared = SERVICES[service]?.listens.find((listen) => listen.port === port)
    return declared !== undefined && (declared.bind === 'address' || binding.startsWith('127.0.0.1:'))
  }

  test('no other user of the host, and no container, reaches a backend beside the proxy', async () => {
    for (const { name, address, roles } of mesh.hosts) {
      const { loopback } = declaredInside(mesh, roles)
      // Units alone: what a timer runs is gone before it can be entered.
      const containers = (await on(name, `podman ps --filter label=PODMAN_SYSTEMD_UNIT --format '{{.Names}}'`)).trim().split('\n')
      const own = (await on(name, `podman inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}' $(podman ps --quiet)`)).split(/\s+/)
      const inner = own.filter((one) => one !== '')
      const reach = (targets: readonly string[]): string =>
        `python3 -I -c 'import errno,select,socket,sys,time
poll, waiting, end = select.poll(), {}, time.monotonic() + 2
for target in sys.argv[1:]:
    host, port = target.split(":")
    one = socket.socket()
    one.setblocking(False)
    if one.connect_ex((host, int(port))) not in (0, errno.EINPROGRESS): continue
    waiting[one.fileno()] = (one, target)
    poll.register(one, select.POLLOUT)
while waiting and time.monotonic() < end:
    for number, _ in poll.poll(200):
        one, target = waiting.pop(number)
        poll.unregister(one)
        if one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0: print(target)' ${targets.join(' ')}`
      const backends = loopback.flatMap((port) => [`127.0.0.1:${port}`, `${address}:${port}`])
      const direct = inner.flatMap((ip) => [80, 443, 5432, 8080, 8443, 9090].map((port) => `${ip}:${port}`))
      const user = await on(name, `setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs ${reach([...backends, ...direct])}`)
      assert.deepEqual(user.split('\n').filter((line) => line !== ''), [], `an unprivileged user of ${name}`)
      // The proxy is on the host's network, and the only one to be let through there.
      for (const container of containers) {
        const enter = `nsenter --target $(podman inspect --format '{{.State.Pid}}' ${container}) --net`
        const service = serviceOf(container)
        if (service === undefined || SERVICES[service]?.network === 'host') continue
        const self = (await on(name, `${enter} hostname -I`)).trim().split(/\s+/)
        const others = [...backends.filter((target) => target.startsWith(address)), ...direct.filter((target) => !self.includes(target.split(':')[0] ?? ''))]
        const found = await on(name, `${enter} setpriv --reuid=65534 --regid=65534 --clear-groups ${reach([...others, `${address}:22`])}`)
        assert.deepEqual(found.split('\n').filter((line) => line !== ''), [], `from within ${container}`)
      }
    }
  })
})
