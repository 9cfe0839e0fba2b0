import { Gauge } from 'prom-client'
import type { Registry } from 'prom-client'
import type { ProductMeasure } from '../catalog/product.ts'
import type { Catalog } from '../catalog/products.ts'
import type { ObjectStore } from '../storage/object-store.ts'
import { LAKE_BUCKET } from '../lake/publication.ts'

/** How each product stands against what its contract promises, by its opaque id alone. */
export interface ProductMetrics {
  /** Looks once whether each product's records are there. Never throws. */
  look(): Promise<void>
  close(): void
}

const LOOK_MS = 30_000

interface Sources {
  readonly catalog: Pick<Catalog, 'measures'>
  readonly store: Pick<ObjectStore, 'size'>
  readonly now: () => Date
}

export function productMetrics(registry: Registry, { catalog, store, now }: Sources): ProductMetrics {
  const available = new Map<string, boolean>()
  let read: { readonly at: number; readonly measures: Promise<readonly ProductMeasure[]> } | undefined
  /** The gauges of one scrape share one reading. */
  const measures = (): Promise<readonly ProductMeasure[]> => {
    if (read === undefined || Date.now() - read.at > 1000) read = { at: Date.now(), measures: catalog.measures() }
    return read.measures
  }
  const gauge = (name: string, help: string, value: (measure: ProductMeasure) => number | Promise<number>): void => {
    const metric = new Gauge({
      name: `sallyport_product_${name}`,
      help,
      labelNames: ['product'],
      registers: [],
      async collect() {
        // A database that is away is another metric's business; these are then absent, not wrong.
        const found = await measures().catch(() => [])
        this.reset()
        for (const measure of found) this.set({ product: measure.id }, await value(measure))
      },
    })
    registry.registerMetric(metric)
  }
  gauge('freshness_seconds', 'Age of the data: time since it was last published', ({ publishedAt }) => (now().getTime() - publishedAt.getTime()) / 1000)
  gauge('freshness_objective_seconds', 'The age that the contract promises', ({ freshnessHours }) => freshnessHours * 3600)
  // A product that was published since the last look is looked at now.
  gauge('available', '1 when the records of the product are in the object store, whole', async (measure) =>
    Number(available.get(measure.id) ?? (await lookAt(measure))),
  )
  gauge('availability_objective_ratio', 'The share of time that the contract promises', ({ availabilityPercent }) => availabilityPercent / 100)
  gauge('completeness_ratio', 'Share of the fields of the contract that have a value, over all records', ({ completeness }) => completeness)
  gauge('completeness_objective_ratio', 'The share that the contract promises', ({ completenessPercent }) => completenessPercent / 100)

  const lookAt = async ({ id, object, bytes }: ProductMeasure): Promise<boolean> => {
    const whole = await store.size(LAKE_BUCKET, object).then((size) => size === bytes, () => false)
    available.set(id, whole)
    return whole
  }
  let looking: Promise<void> | undefined
  const lookAtAll = async (): Promise<void> => {
    for (const measure of await measures().catch(() => [])) await lookAt(measure)
  }
  // A store that hangs is not asked a second time meanwhile.
  const look = (): Promise<void> => {
    looking ??= lookAtAll().finally(() => (looking = undefined))
    return looking
  }
  const timer = setInterval(() => void look(), LOOK_MS)
  return { look, close: () => clearInterval(timer) }
}
