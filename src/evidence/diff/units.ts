import { changesOf, type Changes } from './changes.ts'

/** One directive of a systemd unit or a Quadlet file of the infrastructure. */
export interface Directive {
  /** Path in its tree: `roles/keycloak/templates/keycloak.container.j2`. */
  readonly unit: string
  readonly section: string
  readonly key: string
  readonly values: readonly string[]
  /** It decides with which rights the program runs, or what it reaches. */
  readonly privilege: boolean
}

export const isUnit = (path: string): boolean => /\.(?:container|pod|network|volume|kube|service|socket|timer|target|path|mount)(?:\.j2)?$/.test(path)

/** systemd.exec(5), systemd.service(5), podman-systemd.unit(5): what opens or closes something. */
const PRIVILEGE =
  /^(?:User|Group|UserNS|UIDMap|GIDMap|DynamicUser|SupplementaryGroups|GroupAdd|DropCapability|AddCapability|AddDevice|NoNewPrivileges|ReadOnly|ReadOnlyTmpfs|SeccompProfile|SecurityLabel\w+|Unmask|Mask|Network|PublishPort|ExposeHostPort|IP6?|Volume|Mount|Tmpfs|PodmanArgs|GlobalArgs|Sysctl|Secret|Exec\w*|CapabilityBoundingSet|AmbientCapabilities|Protect\w+|Private\w+|Restrict\w+|SystemCall\w+|ReadWritePaths|ReadOnlyPaths|InaccessiblePaths|BindPaths|BindReadOnlyPaths|DeviceAllow|DevicePolicy|LoadCredential\w*|Listen\w+|AppArmorProfile|SELinuxContext|MemoryDenyWriteExecute|LockPersonality|IPAddress\w+)$/

/** Units by path → text. A template is read as it stands: what its variables are is told by the settings. */
export function unitChanges(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): Changes<Directive> {
  return changesOf(directives(before), directives(after), (a, b) => JSON.stringify(a.values) === JSON.stringify(b.values))
}

function directives(units: ReadonlyMap<string, string>): Map<string, Directive> {
  const found = new Map<string, Directive>()
  for (const [unit, text] of units) {
    let section = ''
    for (const line of text.replaceAll(/\\\r?\n\s*/g, ' ').split(/\r?\n/)) {
      section = /^\[(.+)\]$/.exec(line.trim())?.[1] ?? section
      const [, key, value] = /^\s*([A-Za-z0-9]+)\s*=\s*(.*)$/.exec(line) ?? []
      if (key === undefined || value === undefined) continue
      const name = `${unit} ${section} ${key}`
      const known = found.get(name)
      found.set(name, { unit, section, key, values: [...(known?.values ?? []), value.trim()].sort(), privilege: PRIVILEGE.test(key) })
    }
  }
  return found
}
