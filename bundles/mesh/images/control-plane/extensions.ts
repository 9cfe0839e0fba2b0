import type { ExtensionFactory } from '../../../../src/mesh/services.ts'

/** What this release adds to the control plane; a later release's overlay replaces this file. */
export const extensions: readonly ExtensionFactory[] = []
