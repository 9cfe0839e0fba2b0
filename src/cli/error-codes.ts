import type { CodeDoc, ExitCode } from '../bundle/fault.ts'
import { CODES as assessment } from '../assessment/codes.ts'
import { CODES as bundle } from '../bundle/codes.ts'
import { CODES as connected } from '../connected/codes.ts'
import { CODES as images } from '../connected/images/codes.ts'
import { CODES as custody } from '../custody/codes.ts'
import { CODES as enclave } from '../enclave/codes.ts'
import { CODES as evidence } from '../evidence/codes.ts'
import { CODES as lab } from '../lab/codes.ts'
import { CODES as media } from '../media/codes.ts'
import { CODES as mesh } from '../mesh/codes.ts'
import { CODES as meshClient } from '../mesh-client/codes.ts'
import { CODES as proof } from '../proof/codes.ts'
import { CODES as token } from '../token/codes.ts'
import { CODES as cli } from './codes.ts'

/** Every code the program can print, by the folder that raises it. */
export const ERROR_CODES: Readonly<Record<string, Readonly<Record<string, CodeDoc>>>> = {
  assessment,
  bundle,
  connected,
  'connected/images': images,
  custody,
  enclave,
  evidence,
  lab,
  media,
  mesh: fromMesh(mesh),
  'mesh-client': meshClient,
  proof,
  token,
  cli,
}

/** The mesh knows nothing of the appliance, so its exit codes are plain numbers of the same list. */
function fromMesh(codes: Readonly<Record<string, Omit<CodeDoc, 'exit'> & { exit: number }>>): Record<string, CodeDoc> {
  return Object.fromEntries(
    Object.entries(codes).map(([code, { exit, title, meaning, next }]) => [code, { exit: exit as ExitCode, title, meaning, next }]),
  )
}
