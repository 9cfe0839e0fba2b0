import { purlOf, type Component } from './component.ts'

export interface Subject {
  readonly name: string
  readonly sha256: string
}

export interface Origin {
  readonly name: string
  readonly version: string
  /** `2026-11-22T00:00:00Z`, from the lock. */
  readonly created: string
  readonly components: readonly Component[]
  /** sha512 of the definition that the lock was made from. */
  readonly definition: string
  /** What was made: image manifests. */
  readonly subjects: readonly Subject[]
}

/**
 * An in-toto statement with a SLSA 1.0 provenance predicate: which inputs the images of a bundle were made from. It is
 * not signed by itself: the bundle's signature covers it.
 */
export function provenance({ name, version, created, definition, components, subjects }: Origin): Buffer {
  const statement = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: subjects.map((subject) => ({ name: subject.name, digest: { sha256: subject.sha256 } })),
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: 'urn:sallyport:build:v1',
        externalParameters: { bundle: name, version },
        internalParameters: { definition: { sha512: definition } },
        resolvedDependencies: components.map((component) => ({
          uri: purlOf(component),
          digest: { sha256: component.sha256, sha512: component.sha512 },
        })),
      },
      runDetails: { builder: { id: 'urn:sallyport:builder:local' }, metadata: { startedOn: created } },
    },
  }
  return Buffer.from(`${JSON.stringify(statement, null, 2)}\n`)
}
