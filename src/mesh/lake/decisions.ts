import type { Grant, Grants } from './catalog.ts'
import { CATALOG, NAMESPACE } from './catalog.ts'
import { LABEL_COLUMN, literal } from '../query/columns.ts'

/**
 * Answers what Trino asks before each access (its OPA access control: input.context.identity.user, input.action). A query
 * runs as a user of its own that was granted one table with certain labels; whatever else it asks for is refused.
 */
export interface TrinoQuestion {
  readonly input: {
    readonly context: { readonly identity: { readonly user: string } }
    readonly action: {
      readonly operation: string
      readonly resource?: {
        readonly catalog?: { readonly name?: string }
        readonly schema?: { readonly catalogName?: string; readonly schemaName?: string }
        readonly table?: { readonly catalogName?: string; readonly schemaName?: string; readonly tableName?: string; readonly columns?: readonly string[] }
        readonly user?: { readonly user?: string }
      }
    }
  }
}

/** The engine's own user for its metrics; the proxy sets it for Prometheus alone. */
const METRICS_USER = 'prometheus'

/** Whether it is Trino's own metrics that somebody reads. */
export function isForMetrics({ input }: TrinoQuestion): boolean {
  return input.context.identity.user === METRICS_USER
}

export async function trinoAllows(grants: Grants, question: TrinoQuestion): Promise<boolean> {
  const { user } = question.input.context.identity
  const { operation, resource } = question.input.action
  if (isForMetrics(question)) return operation === 'ReadSystemInformation'
  const grant = await grants.of(user)
  if (grant === undefined) return false
  switch (operation) {
    case 'ExecuteQuery':
      return true
    case 'ViewQueryOwnedBy':
    case 'FilterViewQueryOwnedBy':
    case 'KillQueryOwnedBy':
      return resource?.user?.user === user
    case 'AccessCatalog':
    case 'FilterCatalogs':
      return resource?.catalog?.name === CATALOG
    case 'FilterSchemas':
      return resource?.schema?.catalogName === CATALOG && resource.schema.schemaName === NAMESPACE
    case 'SelectFromColumns':
    case 'FilterTables':
    case 'FilterColumns':
      return isGranted(grant, resource?.table)
    default:
      return false
  }
}

/** Filters that Trino adds to every read of the table: the rows with a label that the reader may query, and no others. */
export async function trinoRows(grants: Grants, { input }: TrinoQuestion): Promise<readonly { readonly expression: string }[]> {
  const grant = await grants.of(input.context.identity.user)
  const labels = grant !== undefined && isGranted(grant, input.action.resource?.table) ? grant.labels : []
  return [{ expression: labelCondition(labels) }]
}

/** SQL condition that holds for records with one of these labels; for none, never. */
export function labelCondition(labels: readonly string[]): string {
  if (labels.length === 0) return 'false'
  return `"${LABEL_COLUMN}" IN (${labels.map(literal).join(', ')})`
}

type Table = NonNullable<NonNullable<TrinoQuestion['input']['action']['resource']>['table']>

function isGranted(grant: Grant, table: Table | undefined): boolean {
  return table?.catalogName === CATALOG && table.schemaName === NAMESPACE && table.tableName === grant.product
}
