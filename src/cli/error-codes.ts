import type { CodeDoc } from '../bundle/fault.ts'
import { CODES as cli } from './codes.ts'

/** Every code the program can print, by folder. */
export const ERROR_CODES: Readonly<Record<string, Readonly<Record<string, CodeDoc>>>> = {
  cli,
}
