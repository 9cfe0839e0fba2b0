// Types only: they vanish when the program is bundled, where this file stands in the place of the one it replaces.
import type { ExtensionFactory } from '../../../../../../../src/mesh/services.ts'
import { usageLedger } from './usage-ledger.ts'

export const extensions: readonly ExtensionFactory[] = [usageLedger]
