import type { Command } from './command.ts'
import { command as explain } from './explain.ts'

/** Every command, in the order of the overview: a test holds this list against the files of this folder. */
export const COMMANDS: readonly Command[] = [explain]
