/** One exact input of a bundle, as its lock has it. */
export interface Component {
  readonly kind: string
  readonly name: string
  readonly version: string
  readonly path: string
  readonly upstream?: string
  readonly attributes?: Readonly<Record<string, string>>
  readonly sha256: string
  readonly sha512: string
  /** As its ecosystem states them; absent when it states none that a program can read. */
  readonly licences?: readonly string[]
  /** What asked for it: `mirrors/debian`, `images/postgresql`. */
  readonly for?: readonly string[]
}

/** purl-spec types of the source kinds; a kind without one is named as a generic package. */
const PURL: Readonly<Record<string, (component: Component) => string>> = {
  apt: ({ name, version, path }) => debPurl(name, version, /_([a-z0-9]+)\.deb$/.exec(path)?.[1] ?? 'all'),
  npm: ({ name, version }) => npmPurl(name, version),
  pypi: ({ name, version }) => `pkg:pypi/${name}@${encode(version)}`,
  maven: ({ name, version, path }) =>
    `pkg:maven/${name.replace(':', '/')}@${encode(version)}?type=${/\.(tar\.gz|[a-z]+)$/.exec(path)?.[1] ?? 'jar'}`,
  go: ({ name, version }) => `pkg:golang/${name}@${encode(version)}`,
  rpm: ({ name, version, path }) => `pkg:rpm/${name}@${encode(version)}?arch=${/\.([a-z0-9_]+)\.rpm$/.exec(path)?.[1] ?? 'noarch'}`,
}

const encode = (text: string): string => encodeURIComponent(text).replaceAll('%3A', ':')

export function purlOf(component: Component): string {
  const { name, version, sha256 } = component
  return PURL[component.kind]?.(component) ?? `pkg:generic/${encode(name)}@${encode(version)}?checksum=sha256:${sha256}`
}

export function npmPurl(name: string, version: string): string {
  return `pkg:npm/${name.replace('@', '%40')}@${encode(version)}`
}

export function debPurl(name: string, version: string, architecture: string, distribution = 'debian-13'): string {
  return `pkg:deb/debian/${name}@${encode(version)}?arch=${architecture}&distro=${distribution}`
}

/** Names a component within a document, and the same in every document of a bundle. */
export function refOf({ kind, path }: Pick<Component, 'kind' | 'path'>): string {
  return `${kind}:${path}`
}
