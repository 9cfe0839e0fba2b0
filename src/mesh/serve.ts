import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import type { Server } from 'node:http'
import type { Agent } from 'node:https'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Registry } from 'prom-client'
import { decisionPoint } from './access/decide.ts'
import { instanceKeys, signingKey } from './audit/keys.ts'
import { AuditLog } from './audit/log.ts'
import { HeadMemory } from './audit/memory.ts'
import { soleWriter } from './audit/sole-writer.ts'
import { SpillWatch } from './audit/spill-watch.ts'
import { TextKeys } from './audit/text.ts'
import { openDatabase } from './catalog/database.ts'
import { migrate } from './catalog/migrate.ts'
import { Catalog } from './catalog/products.ts'
import { fault } from './codes.ts'
import { DEFAULT_LIMITS } from './config.ts'
import type { MeshConfig } from './config.ts'
import { readGovernance } from './contracts/governance.ts'
import { createHealthServer, describeFailure, healthOf } from './health.ts'
import type { Check } from './health.ts'
import { signingKeys } from './identity/jwks.ts'
import { parseLabelPolicy } from './labels/policy.ts'
import type { LabelPolicy } from './labels/policy.ts'
import { auditMetrics } from './metrics/audit.ts'
import { productMetrics } from './metrics/products.ts'
import { requestMetrics } from './metrics/requests.ts'
import { Grants, letTrinoRead } from './lake/catalog.ts'
import { Trino } from './lake/trino.ts'
import { QueryEngine } from './query/engine.ts'
import { apicurio } from './schemas/apicurio.ts'
import type { SchemaRegistry } from './schemas/registry.ts'
import { createServer } from './server.ts'
import type { ExtensionFactory, Services } from './services.ts'
import { openObjectStore } from './storage/object-store.ts'
import type { ObjectStore } from './storage/object-store.ts'
import { MeshAgent } from './tls/agent.ts'
import { tlsMaterial } from './tls/material.ts'

export interface ServeOptions {
  readonly config: MeshConfig
  /** Folder of the files the image brings: label-policy.json, governance/, migrations/. */
  readonly files: string
  /** This very program, for the processes that run queries. */
  readonly program: string
  readonly extensions: readonly ExtensionFactory[]
  readonly openStore?: (config: MeshConfig['objectStore'], agent: Agent) => Promise<ObjectStore>
  readonly openRegistry?: (config: NonNullable<MeshConfig['schemaRegistry']>, agent: Agent) => SchemaRegistry
  readonly log: (line: Readonly<Record<string, unknown>>) => void
}

export interface Running {
  readonly port: number
  readonly healthPort: number
  close(): Promise<void>
}

const RETRY_MS = 2000

/**
 * Starts the control plane. Health answers from the first moment and says what is missing; the API listens once the
 * schema is this release's, the audit log is open and the identity provider's keys are readable, however long the
 * services behind take to come. Throws E_MESH_CONFIG at once for what no waiting mends.
 */
export async function serve(options: ServeOptions, stop: AbortSignal): Promise<Running> {
  const { config, files, log } = options
  const policyFile = config.labelPolicy ?? join(files, 'label-policy.json')
  const policy = parseLabelPolicy(await readFile(policyFile, 'utf8'), policyFile)
  checkCeiling(config, policy)
  const limits = { ...DEFAULT_LIMITS, ...config.limits }
  const now = (): Date => new Date()
  const material = tlsMaterial(config.tls)
  const agent = new MeshAgent(material)
  const database = openDatabase(config.database, material)
  const store = await (options.openStore ?? openObjectStore)(config.objectStore, agent)
  const schemas = config.schemaRegistry && (options.openRegistry ?? apicurio)(config.schemaRegistry, agent)
  const keys = signingKeys(config.identity.jwks, agent)
  const sole = soleWriter(database, config.instance)
  const texts = new TextKeys(config.audit.textKeys)
  const audit = new AuditLog({
    store,
    sole,
    bucket: config.objectStore.auditBucket,
    origin: {
      site: config.site.id,
      instance: config.instance,
      release: config.release.version,
      policy: policy.urn,
      policyVersion: policy.version,
    },
    key: await signingKey(config),
    texts,
    memory: new HeadMemory(join(config.audit.textKeys, 'head.json')),
    retentionMs: config.audit.retentionMinutes * 60_000,
    now,
  })
  const spills = new SpillWatch({
    place: { store, bucket: config.objectStore.auditBucket, site: config.site.id },
    instance: config.instance,
    keys: await instanceKeys(config),
    texts,
    audit,
    log,
  })
  const engine = new QueryEngine({
    program: options.program,
    arguments: ['query', config.extensions ?? join(files, 'extensions')],
    concurrency: limits.queryConcurrency,
    queue: limits.queryQueue,
    seconds: limits.querySeconds,
  })
  const trino = config.trino && new Trino(config.trino.url, agent, new Grants(database))
  const services: Services = {
    domain: config.site.domain,
    policy,
    ceiling: config.site.ceiling,
    governance: await readGovernance(config.governance ?? join(files, 'governance')),
    decisions: decisionPoint(policy),
    database,
    catalog: new Catalog(database, policy),
    store,
    schemas,
    audit,
    engine,
    trino,
    limits,
    extensions: options.extensions.map((make) => make(database)),
    log,
    now,
  }
  const checks: readonly Check[] = [
    { name: 'database', run: async () => `schema ${await schemaNow(services)}` },
    { name: 'audit-log', run: () => audit.check() },
    { name: 'identity', run: async () => `${await keys.check()} signing keys` },
    ...(trino === undefined ? [] : [{ name: 'trino', run: () => trino.check() }]),
    ...(schemas === undefined ? [] : [{ name: 'schema-registry', run: () => schemas.check() }]),
  ]
  const registry = new Registry()
  auditMetrics(registry, audit)
  const products = productMetrics(registry, services)
  let schema: number | null = null
  let failure: unknown
  let ready = false
  const health = healthOf(() => ({ release: config.release.version, schema, ready, failure, checks }))
  const healthServer = createHealthServer(health, registry)
  await listen(healthServer, config.health)
  const tokens = { ...config.identity, keys: keys.get, policy, now }
  const api = await createServer({ tokens, services, health, metrics: requestMetrics(registry), log })
  const close = async (): Promise<void> => {
    healthServer.close()
    products.close()
    spills.close()
    await api.close()
    engine.close()
    await audit.close()
    await sole.close()
    await database.close()
    agent.destroy()
  }
  try {
    for (;;) {
      try {
        schema = await migrate(database, config.migrations ?? join(files, 'migrations'))
        await letTrinoRead(database)
        await audit.open()
        await spills.start()
        await keys.check()
        break
      } catch (error) {
        if (describeFailure(error) !== describeFailure(failure)) log({ level: 'error', message: describeFailure(error) })
        failure = error
        await sleep(RETRY_MS, undefined, { signal: stop })
      }
    }
    await api.listen({ host: config.listen.address, port: config.listen.port })
  } catch (error) {
    await close()
    throw error
  }
  ready = true
  engine.warm()
  void products.look()
  log({ level: 'info', message: 'ready', release: config.release.version, schema })
  return { port: portOf(api.server), healthPort: portOf(healthServer), close }
}

function checkCeiling({ site }: MeshConfig, policy: LabelPolicy): void {
  const unknown = [
    ...(policy.levels.has(site.ceiling.level) ? [] : [`level ${site.ceiling.level}`]),
    ...(site.ceiling.categories ?? []).filter((name) => !policy.categories.has(name)).map((name) => `category ${name}`),
  ]
  if (unknown.length > 0) {
    throw fault('E_MESH_CONFIG', 'the ceiling of this site is unknown to the label policy', { faults: unknown })
  }
}

async function schemaNow({ database }: Services): Promise<number> {
  const [row] = await database.query<{ number: number }>('SELECT max(number) AS number FROM schema_migrations')
  return row?.number ?? 0
}

async function listen(server: Server, { address, port }: MeshConfig['health']): Promise<void> {
  server.listen(port, address)
  await once(server, 'listening')
}

function portOf(server: { address(): unknown }): number {
  const address = server.address() as { port?: number } | null
  return address?.port ?? 0
}
