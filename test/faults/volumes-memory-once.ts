/** Run by volumes-memory.test.ts: packs or imports in a process of its own, and prints its peak memory in MB. */
import { readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { readPrivateKey } from '../../src/bundle/keys.ts'
import { readPolicy } from '../../src/bundle/policy-file.ts'
import { importVolumes } from '../../src/bundle/volumes/import.ts'
import { parseMedia } from '../../src/bundle/volumes/media.ts'
import { packVolumes } from '../../src/bundle/volumes/pack.ts'

// As the command line has it.
setFlagsFromString('--semi-space-growth-factor=1')
const [what, from = '', to = '', trust = ''] = process.argv.slice(2)
if (what === 'pack') {
  const key = await readPrivateKey(trust, 'several words of your own')
  await packVolumes(from, to, { media: parseMedia('usb:2G'), protection: undefined, spares: 0, bases: [], key })
} else {
  await importVolumes([from], { store: to, policy: await readPolicy(trust), now: new Date('2026-12-01T00:00:00Z') })
}
// Of this program alone: the figure of getrusage begins with that of the process that started it.
process.stdout.write(String(Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) >> 10))
