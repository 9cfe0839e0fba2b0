import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { succeed } from '../../../src/demo/sallyport.ts'
import { PLACES, newWorld, step } from './enclave.ts'

/** The release that journey 05 built and signed; built and signed here when that journey has not run. */
export async function release(): Promise<void> {
  if (existsSync(join(PLACES.bundle('1.0.0'), 'signatures'))) return
  const world = newWorld()
  await mkdir(PLACES.folder, { recursive: true })
  await step(world, 'build mesh 1.0.0')
  await step(world, 'make keys and trust policy')
  await succeed(['sign', PLACES.bundle('1.0.0'), '--key', PLACES.publisher, '--passphrase-file', PLACES.passphrase])
}
