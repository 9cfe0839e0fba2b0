// Makes this machine ready for what npm is about to run: `node boot.mjs demo|test`, or `--quiet` for single commands.
// Plain JavaScript for any Node from 18 on: it runs before the pinned Node and the packages are there.
// Afterwards the pinned Node is node_modules/.bin/node; the shell's own `node` stays what it was.
import { fileURLToPath } from 'node:url'
import { installPackages, missingPackages } from './boot/debian.mjs'
import { lacking } from './boot/machine.mjs'
import { installModules, modulesAreCurrent } from './boot/modules.mjs'

const MACHINE_LACKS = 7
const root = fileURLToPath(new URL('.', import.meta.url))
const purpose = process.argv[2] ?? ''

if (!['demo', 'test', '--quiet'].includes(purpose)) {
  console.error('usage: node boot.mjs demo|test|--quiet')
  process.exit(2)
}
try {
  if (purpose !== '--quiet') {
    const lines = lacking(purpose)
    if (lines.length > 0) {
      console.error(lines.join('\n'))
      process.exit(MACHINE_LACKS)
    }
  }
  if (!modulesAreCurrent(root)) installModules(root)
  if (purpose !== '--quiet') installPackages(missingPackages(purpose))
} catch (error) {
  console.error(`boot: ${error.message}`)
  process.exit(MACHINE_LACKS)
}
