import type { Kind, Marking, StatementFields, UpgradePath } from '../../bundle/statement.ts'
import type { AdvisoryFormat } from '../../evidence/advisories/snapshot.ts'
import type { AdvisoryPlan } from '../advisories/read.ts'
import type { Recipe } from '../images/recipe.ts'
import type { Request, SourceKind, Target } from '../sources/source.ts'

/** bundle.yaml as written. */
export interface DefinitionDocument {
  readonly apiVersion: 'sallyport/v1'
  readonly kind?: Kind
  readonly name?: string
  readonly version?: string
  readonly sequence?: number
  readonly extends?: string
  readonly overlay?: string
  readonly marking?: Partial<Marking> & { readonly level: string }
  readonly targets?: readonly Target[]
  readonly upgradesFrom?: readonly UpgradePath[]
  readonly mirrors?: readonly MirrorSpec[]
  readonly images?: readonly ImageSpec[]
  readonly iac?: readonly IacSpec[]
  readonly advisories?: readonly AdvisorySpec[]
  /** OpenVEX documents beside the definition. */
  readonly vex?: readonly string[]
}

/** A data set of known vulnerabilities, fetched from its publisher beforehand. */
export interface AdvisorySpec {
  readonly name: string
  readonly format: AdvisoryFormat
  /** A file or a folder beside the definition. */
  readonly from: string
  /** `2026-11-20`: the day it was fetched. */
  readonly dated: string
}

export interface MirrorSpec {
  readonly name: string
  readonly ecosystem: Exclude<SourceKind, 'oci'>
  readonly suites?: readonly string[]
  readonly packages?: readonly string[]
  /** A file of the ecosystem's own that says what to carry: package-lock.json, requirements.txt, go.mod. */
  readonly list?: string
  /** rpm: a folder beside the definition or an id of the machine's dnf configuration, and the keys its packages are signed with. */
  readonly repository?: { readonly from: string; readonly keys: readonly string[] }
  readonly files?: readonly { readonly from: string; readonly path: string }[]
}

export interface ImageSpec {
  readonly name: string
  readonly recipe?: string
  /** Exactly one of the three. */
  readonly oci?: { readonly layout?: string; readonly archive?: string; readonly registry?: string }
}

export interface IacSpec {
  readonly name: string
  readonly kind: string
  readonly from: string
}

/** An image of the definition: made from a recipe here, or taken as it is from elsewhere. */
export type ImagePlan =
  { readonly name: string; readonly recipe: Recipe } | { readonly name: string; readonly request: Request }

export interface MirrorPlan {
  readonly name: string
  readonly ecosystem: MirrorSpec['ecosystem']
  readonly request: Request
  /** As the definition says it, in its order. */
  readonly written: MirrorSpec
}

export interface IacPlan {
  readonly name: string
  readonly kind: string
  /** Files by their path in the tree. */
  readonly files: readonly { readonly path: string; readonly file: string }[]
}

/** A valid definition with everything it extends and names, ready to be resolved. */
export interface Definition {
  /** Folder that the paths of the definition start from. */
  readonly folder: string
  /** Where its lock stands. */
  readonly lockFile: string
  /** Lock of the definition it extends, which a first resolve starts from. */
  readonly baseLockFile: string | undefined
  /** Everything of bundle.json that a person decides; `created` comes from the lock. */
  readonly fields: Omit<StatementFields, 'created'>
  readonly target: Target
  readonly mirrors: readonly MirrorPlan[]
  readonly images: readonly ImagePlan[]
  readonly iac: readonly IacPlan[]
  readonly advisories: readonly AdvisoryPlan[]
  readonly vex: readonly { readonly path: string; readonly file: string }[]
  /** sha512 of every file the definition consists of, by path relative to `folder`. */
  readonly files: Readonly<Record<string, string>>
  /** Path on this machine of a file the definition names; a release's overlay wins. */
  locate(path: string): string
  /** `file:line:column` of an entry, or of something in it; that of the file that says it last in a chain of `extends`. */
  placeOf(member: Member, ...more: (string | number)[]): string
}

/** Lists of a definition. */
export type Member = 'mirrors' | 'images' | 'iac' | 'advisories' | 'vex'
