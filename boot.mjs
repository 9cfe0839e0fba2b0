// Makes this machine ready for what npm is about to run: `node boot.mjs demo|test`, or `--quiet` for single commands.
// Plain JavaScript for any Node from 18 on: it runs before the pinned Node and the packages are there.
// Afterwards the pinned Node is node_modules/.bin/node; the shell's own `node` stays what it was.
import { fileURLToPath } from 'node:url'
import { installModules, modulesAreCurrent } from './boot/modules.mjs'

const MACHINE_LACKS = 7
const root = fileURLToPath(new URL('.', import.meta.url))
const purpose = process.argv[2] ?? ''

if (!['demo', 'test', '--quiet'].includes(purpose)) {
  console.error('usage: node boot.mjs demo|test|--quiet')
  process.exit(2)
}
try {
  if (purpose !== '--quiet') await checkMachine()
  if (!modulesAreCurrent(root)) installModules(root)
  if (purpose !== '--quiet') await prepareMachine()
} catch (error) {
  console.error(`boot: ${error.message}`)
  process.exit(MACHINE_LACKS)
}

async function checkMachine() {
  const { lacking } = await import('./boot/machine.mjs')
  const lines = lacking(purpose)
  if (lines.length === 0) return
  console.error(lines.join('\n'))
  process.exit(MACHINE_LACKS)
}

async function prepareMachine() {
  const { installPackages, missingPackages } = await import('./boot/debian.mjs')
  await installPackages(missingPackages(purpose))
}
