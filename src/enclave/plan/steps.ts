import type { Step, StepId } from './plan.ts'

const MB = 1e6
const UPLOAD_RATE = 80 * MB
const HASH_RATE = 250 * MB

export interface StepContext {
  readonly depot: string
  /** Names of the other hosts. */
  readonly others: readonly string[]
  /** Names of the secrets that the site hands over. */
  readonly secrets: readonly string[]
  readonly domain: string
  readonly release: string
  readonly from: string | undefined
  readonly bytes: number
  readonly roles: readonly string[]
  readonly stretchDays: number
  readonly backupDirectory: string
}

type Words = readonly [title: string, reason: string, seconds: (context: StepContext) => number, undo: string]

const fixed = (seconds: number) => (): number => seconds

const WORDS: Readonly<Record<StepId, (context: StepContext) => Words>> = {
  'upload-installer': () => ['Send the installer', 'the engine runs on the depot, from the verified bundle', fixed(3), 'kept: the next one replaces it'],
  'upload-bundle': () => ['Send the bundle', 'only blobs that the depot does not hold', ({ bytes }) => bytes / UPLOAD_RATE, 'the folder incoming/ is removed'],
  certificates: ({ roles }) => [
    'Keys and certificates',
    `keys are made on each host for itself${roles.length > 0 ? `, ${roles.join(', ')}` : ''}; only requests leave it`,
    fixed(3),
    'kept: a certificate is used until it is renewed',
  ],
  secrets: ({ secrets }) => ['Secrets of the site', `${secrets.join(', ')}: over SSH to the hosts that need them, readable by root alone`, fixed(1), 'kept'],
  authorise: ({ others }) => [
    'Certify the engine’s key',
    `made on the depot, in memory alone; the operator signs it for ${others.join(', ')}, this plan and some hours`,
    fixed(2),
    'none: key and certificate are gone with the end of the plan',
  ],
  check: () => ['Check on the depot', 'what runs, the policy and the floor, as the depot and this host remember them', fixed(1), 'none needed'],
  import: () => ['Verify and take in', 'the depot checks signatures, policy, floor and every byte itself', ({ bytes }) => bytes / HASH_RATE, 'blobs no release needs are removed by the next commit'],
  stage: ({ release }) => ['Lay out the release', `${release} as links into the verified store`, fixed(3), 'the folder of the release is removed by the next commit'],
  drain: () => ['Drain', 'nothing is written while the backup is made; users are away from here on', fixed(15), 'the services start again'],
  backup: ({ from, backupDirectory }) => ['Back up', `data of ${from} to ${backupDirectory}; the audit bucket needs none`, fixed(30), 'kept'],
  switch: ({ release }) => ['Switch the mirrors', `current → ${release}, one rename`, fixed(1), 'switched back'],
  names: () => ['Names of the services', 'in /etc/hosts: the enclave may have no DNS', fixed(1), 'the block is removed'],
  packages: ({ stretchDays }) => [
    'Debian packages of the depot',
    `from the bundle’s mirror as file:, signed by Debian; an index is taken for ${stretchDays} days after its date`,
    fixed(40),
    'kept',
  ],
  serve: ({ domain }) => ['Serve the mirrors', `nginx, TLS 1.3, https://depot.${domain}:8443/`, fixed(3), 'nginx goes on with the release before'],
  'apt-source': ({ domain }) => ['Use the depot over TLS', `the only package source is https://depot.${domain}:8443/apt`, fixed(10), 'kept: it serves the release before'],
  hosts: ({ others }) => [
    'Prepare the other hosts',
    `${others.join(', ')}: names, packages over TLS from the depot by the certificate of the host, what it remembers`,
    fixed(30),
    'kept: it serves the release before',
  ],
  converge: ({ roles }) => ['Converge', `Ansible brings ${roles.join(', ')} to the declared state`, fixed(240), 'converged to the release before'],
  restore: () => ['Restore the data', 'from the backup made when the release was replaced; the audit bucket is never restored', fixed(30), 'the backup made by this plan is kept'],
  health: () => ['Health gate', 'each service is asked what its users ask', fixed(20), 'none needed'],
  commit: ({ release }) => ['Commit', `${release} is the running release; the floor moves`, fixed(1), 'sallyport rollback'],
  prune: () => ['Clear up', 'all but the running release and the one before it', fixed(2), 'none'],
}

const STATION: ReadonlySet<StepId> = new Set(['upload-installer', 'upload-bundle', 'certificates', 'secrets', 'authorise'])
/** What is done on the depot alone, or from it without any other host. */
const DEPOT_ALONE: ReadonlySet<StepId> = new Set(['upload-bundle', 'authorise', 'import', 'stage', 'switch', 'names', 'packages', 'serve', 'apt-source'])

export function stepsFor(ids: readonly StepId[], context: StepContext): Step[] {
  return ids.map((id) => {
    const [title, reason, seconds, undo] = WORDS[id](context)
    const where = STATION.has(id) ? 'station' : 'depot'
    const host = context.others.length === 0 || DEPOT_ALONE.has(id) ? context.depot : id === 'hosts' ? context.others.join(', ') : 'every host'
    return { id, title, reason, host, where, estimateSeconds: Math.max(1, Math.round(seconds(context))), undo }
  })
}
