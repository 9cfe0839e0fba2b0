import { BYTES_CODES } from './codes-bytes.ts'
import { TRUST_CODES } from './codes-trust.ts'
import { VOLUME_CODES } from './codes-volumes.ts'
import { faultsOf, type CodeDoc } from './fault.ts'

/** Every error of src/bundle. */
export const CODES = { ...BYTES_CODES, ...TRUST_CODES, ...VOLUME_CODES } as const satisfies Record<string, CodeDoc>

export type BundleCode = keyof typeof CODES

export const fault = faultsOf(CODES)
