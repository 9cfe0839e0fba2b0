import { rm } from 'node:fs/promises'
import { labDown, labList, labUp, type Lab } from '../lab/lab.ts'
import type { AuthorityFiles } from '../enclave/pki/authority.ts'
import { change, initSite } from './enclave.ts'
import { catalog, publish, query } from './mesh.ts'
import { makePassphrase, makePeople, makeTrust } from './organisation.ts'
import { DENIED_AREA, IMAGERY } from './people.ts'
import type { Places } from './places.ts'
import { sallyport, succeed, type Ended } from './sallyport.ts'

/** What the steps of one demo share. */
export interface World {
  readonly places: Places
  readonly labName: string
  passphrase: string
  policyDigest: string
  lab: Lab | undefined
  authority: AuthorityFiles | undefined
  say(line: string): void
}

export interface Step {
  readonly title: string
  /** Runs, and returns what came out and where to look. Throws when the outcome is not the promised one. */
  run(world: World): Promise<{ outcome: string; look: string }>
}

const VERSIONS = ['1.0.0', '1.1.0', '1.1.1'] as const
const DEFINITION: Readonly<Record<string, string>> = {
  '1.0.0': 'bundles/mesh',
  '1.1.0': 'bundles/mesh/releases/1.1.0',
  '1.1.1': 'bundles/mesh/releases/1.1.1',
}
const COUNT = 'SELECT count(*) AS annotations, max(acquisition_time) AS newest FROM product'

function expect(ok: boolean, what: string, ended?: Ended): void {
  if (!ok) throw new Error(`${what}${ended ? `\nit ended with ${ended.exit}\n${ended.stderr}` : ''}`)
}

const megabytes = (bytes: number | undefined): string => (bytes === undefined ? '' : `, peak memory ${Math.round(bytes / 1e6)} MB`)

/** A lock of an earlier demo: the definition has changed, the content store was emptied, or upstream forgot old packages. */
const outlived = ({ exit, error }: Ended): boolean => exit === 4 || error?.code === 'E_LOCK_STALE' || error?.code === 'E_IMAGE_PINNED'

const build = (version: string): Step => ({
  title: `build mesh ${version}`,
  async run({ places, say }) {
    const bundle = places.bundle(version)
    await rm(bundle, { recursive: true, force: true })
    const words = ['build', DEFINITION[version] ?? '', '-o', bundle]
    let built = await sallyport(words, { onLine: say })
    if (outlived(built)) {
      say(`the lock of an earlier run does not serve any more (${built.error?.code}): resolving again`)
      built = await sallyport([...words, '--update'], { onLine: say })
    }
    expect(built.exit === 0, `mesh ${version} was not built`, built)
    const { size, items } = built.result as { size: number; items: number }
    return { outcome: `${(size / 1e9).toFixed(2)} GB from ${items} inputs${megabytes(built.peakBytes)}`, look: `out/mesh-${version}` }
  },
})

const keys: Step = {
  title: 'make keys and trust policy',
  async run(world) {
    for (const path of [world.places.keys, world.places.policy]) await rm(path, { recursive: true, force: true })
    world.passphrase = await makePassphrase(world.places)
    const { policyDigest, publisherKeyId } = await makeTrust(world.places)
    world.policyDigest = policyDigest
    return { outcome: `publisher key ${publisherKeyId}`, look: 'out/keys, out/trust-policy.json' }
  },
}

const sign: Step = {
  title: 'sign the three releases',
  async run({ places, say }) {
    for (const version of VERSIONS) {
      await succeed(['sign', places.bundle(version), '--key', places.publisher, '--passphrase-file', places.passphrase], { onLine: say })
    }
    return { outcome: 'ML-DSA-87 and ECDSA P-384', look: 'out/mesh-1.0.0/signatures' }
  },
}

const verify: Step = {
  title: 'verify with the bundle’s own executable',
  async run({ places, policyDigest }) {
    const bundle = places.bundle('1.0.0')
    const words = ['verify', bundle, '--policy', places.policy, '--policy-digest', policyDigest, '--for', 'install']
    const ended = await succeed(words, { executable: `${bundle}/sallyport` })
    const { files, bytes, seconds } = ended.result as { files: number; bytes: number; seconds: number }
    return {
      outcome: `${files} files, ${(bytes / 1e9).toFixed(2)} GB in ${seconds.toFixed(1)} s${megabytes(ended.peakBytes)}`,
      look: 'out/mesh-1.0.0/README.txt: the same without our code',
    }
  },
}

const host: Step = {
  title: 'start a disconnected host',
  async run(world) {
    if ((await labList()).some((lab) => lab.name === world.labName)) await labDown(world.labName)
    let shown = ''
    world.lab = await labUp({
      name: world.labName,
      hosts: 1,
      progress: ({ note }) => {
        if (note && note !== shown) world.say(note)
        shown = note ?? shown
      },
    })
    return { outcome: `${world.lab.hosts[0]?.address}, Debian 13, no route out`, look: 'npm run -s sallyport -- lab list' }
  },
}

const site: Step = {
  title: 'set up PKI, people and site',
  async run(world) {
    const { places, lab } = world
    for (const path of [places.pki, places.people, places.site]) await rm(path, { recursive: true, force: true })
    world.authority = await makePeople(places, world.passphrase, lab?.hosts[0]?.address ?? '')
    await initSite(places, lab as Lab, world.authority, world.policyDigest)
    return { outcome: 'five people, ceiling TOP SECRET, profile standard', look: 'out/site/site.yaml' }
  },
}

const plan: Step = {
  title: 'plan',
  async run({ places }) {
    const ended = await succeed(['plan', places.bundle('1.0.0'), '--site', places.site, '-o', `${places.folder}/plan.json`])
    const { steps } = ended.result as { steps: unknown[] }
    return { outcome: `${steps.length} steps to review`, look: 'out/plan.json' }
  },
}

const install: Step = {
  title: 'install mesh 1.0.0',
  async run({ places, say }) {
    const ended = await change('install', places, places.bundle('1.0.0'), { onLine: say })
    expect(ended.exit === 0, 'the installation did not end well', ended)
    return { outcome: `runs${megabytes(ended.peakBytes)}`, look: 'npm run -s sallyport -- status --site out/site' }
  },
}

const publishing: Step = {
  title: 'publish two data products',
  async run({ places }) {
    for (const product of [IMAGERY, DENIED_AREA]) {
      const ended = await publish(places, 'p.ortega', product)
      expect(ended.exit === 0, `${product} was not published`, ended)
    }
    return { outcome: 'one SECRET REL, one TOP SECRET', look: 'bundles/mesh/products' }
  },
}

/** Asks as each person and holds the answers against what the labels promise. */
async function ask(places: Places): Promise<string> {
  const analyst = await query(places, 's.analyst', IMAGERY, COUNT)
  expect(analyst.exit === 0, 'the SECRET analyst was not answered', analyst)
  const seen = await catalog(places, 's.analyst')
  expect(seen.count === 1 && seen.names[0] === IMAGERY, `the SECRET analyst's catalog is ${seen.names.join(', ')}`)
  const above = await query(places, 's.analyst', DENIED_AREA, COUNT)
  const absent = await query(places, 's.analyst', 'geoint/no-such-product', COUNT)
  expect(above.exit === absent.exit && above.error?.code === absent.error?.code, 'the TOP SECRET product shows', above)
  const coalition = await query(places, 'c.tremblay', IMAGERY, COUNT)
  expect(coalition.exit === 0, 'the coalition analyst with release was not answered', coalition)
  const foreign = await query(places, 'f.moreau', IMAGERY, COUNT)
  expect(foreign.exit === 11, 'the analyst without release was not refused', foreign)
  const theirs = await catalog(places, 'f.moreau')
  expect(theirs.count === 0, `the analyst without release sees ${theirs.names.join(', ')}`)
  const { rows } = analyst.result as { rows: unknown[][] }
  return `answered ${String(rows[0]?.[0])} annotations; refused without release; TOP SECRET unseen`
}

const asking = (title: string): Step => ({
  title,
  async run({ places }) {
    return { outcome: await ask(places), look: 'npm run -s sallyport -- mesh query --help' }
  },
})

const upgrade: Step = {
  title: 'upgrade to mesh 1.1.0',
  async run({ places, say }) {
    const ended = await change('upgrade', places, places.bundle('1.1.0'), { onLine: say })
    expect(ended.exit === 0, 'the upgrade did not end well', ended)
    return { outcome: 'runs, data kept', look: 'npm run -s sallyport -- status --site out/site' }
  },
}

const broken: Step = {
  title: 'upgrade to the broken mesh 1.1.1',
  async run({ places, say }) {
    const ended = await change('upgrade', places, places.bundle('1.1.1'), { onLine: say })
    expect(ended.exit === 9, 'the broken upgrade was not rolled back', ended)
    return { outcome: `rolled back by itself (exit 9, ${ended.error?.code})`, look: `sallyport explain ${ended.error?.code}` }
  },
}

const downgrade: Step = {
  title: 'refuse a downgrade',
  async run({ places }) {
    const ended = await change('upgrade', places, places.bundle('1.0.0'))
    expect(ended.exit === 10, 'the downgrade was not refused', ended)
    return { outcome: `refused (exit 10, ${ended.error?.code})`, look: `sallyport explain ${ended.error?.code}` }
  },
}

const status: Step = {
  title: 'status',
  async run({ places }) {
    const ended = await sallyport(['status', '--site', places.site])
    expect(ended.exit === 0, 'no status', ended)
    const { running } = ended.result as { running?: { name: string; version: string; sequence: number } }
    expect(running?.version === '1.1.0', `running is ${JSON.stringify(running)}`)
    return { outcome: `${running?.name} ${running?.version} runs, sequence ${running?.sequence}`, look: 'out/site' }
  },
}

/** The main job end to end. */
export const STEPS: readonly Step[] = [
  ...VERSIONS.map(build),
  keys,
  sign,
  verify,
  host,
  site,
  plan,
  install,
  publishing,
  asking('query as three people'),
  upgrade,
  asking('query again after the upgrade'),
  broken,
  asking('query again after the rollback'),
  downgrade,
  status,
]

