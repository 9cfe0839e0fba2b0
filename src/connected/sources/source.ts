import type { Readable } from 'node:stream'
import type { ContentStore } from '../../bundle/store.ts'

/** The closed set of source kinds; `src/connected/sources/index.ts` maps each to its folder. */
export const SOURCE_KINDS = ['apt', 'npm', 'pypi', 'maven', 'go', 'terraform', 'galaxy', 'git', 'rpm', 'file', 'oci'] as const
export type SourceKind = (typeof SOURCE_KINDS)[number]

/** What a definition or a recipe asks of a source, in the ecosystem's own notation. */
export interface Request {
  /**
   * `apt`: package names; `npm`: `name@version`; `pypi`: `name==version`; `maven`: `group:artifact:version[:type[:classifier]]`;
   * `go`: `module@version`; `terraform`: `[host/]namespace/type@version`; `galaxy`: `namespace.name:version`, or a path to a
   * collection; `git`: `REPOSITORY#REF`; `rpm`: package names; `file`: path relative to the definition;
   * `oci`: `layout:DIR[:TAG]`, `archive:FILE` or `registry:REF`.
   */
  readonly items: readonly string[]
  /**
   * `mirror`: everything a client needs to install the items (dependencies, signed indexes).
   * `image`: files to unpack into a layer: exactly the items; for apt their dependency closure, without indexes.
   * `program`: what compiling takes. Only go: first the toolchain, then the module; all that its executable is made of.
   */
  readonly purpose: 'mirror' | 'image' | 'program'
  /** A file of the ecosystem's own, beside the definition, that says what to carry; `items` are what is read from it, or none. */
  readonly list?: { readonly path: string; readonly sha256: string }
  /** rpm: where the packages come from, and who signs them. */
  readonly repository?: RpmRepository
  /** apt: suites to resolve from, `['trixie', 'trixie-updates', 'trixie-security']` when absent. */
  readonly suites?: readonly string[]
  /** apt: packages (with what only they need) to leave out, as if something else provided them. */
  readonly without?: readonly string[]
  /** file: path in the mirror for each item, when it differs from the item itself. */
  readonly paths?: Readonly<Record<string, string>>
}

/** A repository as createrepo_c makes it. */
export interface RpmRepository {
  /** Name of its folder in the mirror. */
  readonly name: string
  /** A folder beside the definition, or the id of a repository in this machine's dnf configuration. */
  readonly from: string
  /** Files beside the definition with the public keys that its packages may be signed with. */
  readonly keys: readonly string[]
}

/** One exact input: what a resolve pins. Never holds a host name: that is the business of the machine's client settings. */
export interface Item {
  readonly kind: SourceKind
  /** Package, module, artifact or file name in its ecosystem. */
  readonly name: string
  readonly version: string
  /** Where it stands in the ecosystem's tree: `pool/main/b/busybox/busybox-static_1.37.0-6_amd64.deb`. */
  readonly path: string
  /** `algorithm:value` as the upstream index states it: `sha256:<hex>`, `sha512:<hex>`, `sha1:<hex>`, `h1:<base64>`. */
  readonly upstream?: string
  /** Bytes, when the upstream index states them. */
  readonly size?: number
  /** What the source itself must remember to fetch or lay out the item: a Debian suite, an npm signature, a wheel tag. */
  readonly attributes?: Readonly<Record<string, string>>
}

/** An item whose bytes are in the content store. */
export interface LockedItem extends Item {
  readonly size: number
  readonly sha256: string
  readonly sha512: string
}

/** One file of a mirror tree: its bytes are in the content store under `sha256`. */
export interface TreeFile {
  readonly path: string
  readonly sha256: string
  readonly sha512: string
  readonly size: number
  readonly executable?: true
}

export interface Target {
  readonly os: string
  readonly release: string
  readonly architecture: string
}

/** What a source may use of the world; one for a whole build. */
export interface SourceContext {
  readonly store: ContentStore
  /** An empty folder of this run; a source works in a sub-folder named after its kind. */
  readonly scratch: string
  readonly target: Target
  readonly signal: AbortSignal
  readonly env: NodeJS.ProcessEnv
  /** Path on this machine of a file the definition names: the release's overlay first, then the definition's folder. */
  locate(path: string): string
}

/** One ecosystem. Instances are made per build, so that a source may keep what it learnt (indexes, client caches). */
export interface Source {
  readonly kind: SourceKind
  /** Exact items, sorted by path. Names every missing item at once. Digests come from the upstream's own (signed) index. */
  resolve(request: Request): Promise<readonly Item[]>
  /** The bytes of one item; the caller checks `upstream` and, when locked, sha256 and sha512. */
  fetch(item: Item, request: Request): Promise<Readable>
  /** The static tree an unmodified client of the ecosystem installs from; may put generated index files into the store. */
  tree(items: readonly LockedItem[]): Promise<readonly TreeFile[]>
}
