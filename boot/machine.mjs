import { readFileSync } from 'node:fs'

const RELEASES = ['12', '13']

/**
 * What keeps this machine from running `npm run demo` or `npm test`, and what works all the same. Empty when nothing
 * does.
 */
export function lacking(purpose, machine = thisMachine()) {
  const lacks = []
  if (machine.platform !== 'linux' || machine.arch !== 'x64')
    lacks.push(`Linux on x64; this is ${machine.platform} on ${machine.arch}. The pinned Node and all images are built for it.`)
  if (machine.system !== 'debian' || !RELEASES.includes(machine.release))
    lacks.push(`Debian ${RELEASES.join(' or ')}; this is ${machine.title}. Lab hosts and images are made with its tools.`)
  if (!machine.root) lacks.push('root. Lab hosts need network namespaces, bridges and mounts.')
  if (lacks.length === 0) return []
  return [
    `npm ${purpose === 'demo' ? 'run demo' : 'test'} cannot run here. It needs:`,
    ...lacks.map((line) => `  - ${line}`),
    'What still works:',
    ...stillWorks(machine).map((line) => `  - ${line}`),
  ]
}

function stillWorks({ platform, arch }) {
  if (platform !== 'linux' || arch !== 'x64')
    return ['reading: README.md, docs/, and the bundle format in docs/format.md', 'checking a bundle with sha512sum and openssl, as its README.txt says']
  return [
    'npm run -s sallyport -- verify | inspect | explain | keys | policy | sign: everything that only reads or signs bundles',
    'npm run -s sallyport -- plan | install | status: against hosts of your own, over SSH',
    'node boot.mjs --quiet && node_modules/.bin/node test/run.ts --only types --only lint --only unit',
  ]
}

function thisMachine() {
  const text = read('/etc/os-release')
  const field = (name) => new RegExp(`^${name}="?([^"\n]*)"?$`, 'm').exec(text)?.[1] ?? ''
  return {
    platform: process.platform,
    arch: process.arch,
    system: field('ID'),
    release: field('VERSION_ID'),
    title: field('PRETTY_NAME') || 'another system',
    root: process.getuid?.() === 0,
  }
}

function read(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
