import * as cedar from '@cedar-policy/cedar-wasm/nodejs'
import { fault } from '../codes.ts'
import type { Reader } from '../identity/reader.ts'
import { nationsOf, rankOf } from '../labels/algebra.ts'
import type { CanonicalLabel } from '../labels/label.ts'
import type { LabelPolicy } from '../labels/policy.ts'
import { POLICIES, POLICY_SCHEMA } from './policies.ts'
import { compileResidual } from './residual-sql.ts'
import type { SqlCondition } from './residual-sql.ts'

export type Act = 'discover' | 'query' | 'publish'

export interface Decision {
  readonly allowed: boolean
  /** For the audit log: ids of the policies that decided, sorted; never shown for what the reader may not know. */
  readonly reasons: readonly string[]
}

/** The one decision point of the mesh. */
export interface DecisionPoint {
  /** May this person do this with a thing of this label and domain? Unknown in any way means no. */
  decide(reader: Reader, act: Act, label: CanonicalLabel, domain: string): Decision
  /**
   * The same policy as a condition over the columns `rank`, `categories`, `nations`, `domain` of a table, with
   * parameters numbered from `firstParameter`.
   */
  condition(reader: Reader, act: Act, firstParameter: number): SqlCondition
}

const POLICY_SET = 'mesh'
const SCHEMA = 'mesh'

/** Checks the policies strictly against their schema and prepares them. Throws E_MESH_CONFIG when they do not hold. */
export function decisionPoint(policy: LabelPolicy): DecisionPoint {
  const policies = { staticPolicies: { ...POLICIES } }
  const validation = cedar.validate({ validationSettings: { mode: 'strict' }, schema: POLICY_SCHEMA, policies })
  const errors =
    validation.type === 'failure' ? validation.errors : validation.validationErrors.map((item) => item.error)
  if (errors.length > 0) {
    throw fault('E_MESH_CONFIG', 'the access policy does not hold against its schema', {
      faults: errors.map((error) => error.message),
    })
  }
  for (const answer of [
    cedar.preparsePolicySet(POLICY_SET, policies),
    cedar.preparseSchema(SCHEMA, POLICY_SCHEMA),
  ]) {
    if (answer.type === 'failure') throw fault('E_MESH_CONFIG', 'the access policy cannot be read')
  }
  return {
    decide(reader, act, label, domain) {
      const person = personEntity(policy, reader)
      const thing: cedar.EntityJson = {
        uid: { type: 'Labelled', id: 'thing' },
        attrs: {
          rank: rankOf(policy, label.level),
          categories: [...label.categories],
          nations: [...nationsOf(policy, label)],
          domain,
        },
        parents: [],
      }
      const answer = cedar.statefulIsAuthorized({
        principal: { type: 'Person', id: reader.subject },
        action: { type: 'Action', id: act },
        resource: { type: 'Labelled', id: 'thing' },
        context: {},
        preparsedSchemaName: SCHEMA,
        validateRequest: true,
        preparsedPolicySetId: POLICY_SET,
        entities: [person, thing],
      })
      if (answer.type === 'failure') return { allowed: false, reasons: ['policy-error'] }
      const { decision, diagnostics } = answer.response
      // Cedar skips a policy that raises an error; a skipped `forbid` must not become a permission.
      if (diagnostics.errors.length > 0) return { allowed: false, reasons: ['policy-error'] }
      const reasons = diagnostics.reason.length === 0 ? ['no-policy-permits'] : [...diagnostics.reason].sort()
      return { allowed: decision === 'allow', reasons }
    },
    condition(reader, act, firstParameter) {
      const answer = cedar.isAuthorizedPartial({
        principal: { type: 'Person', id: reader.subject },
        action: { type: 'Action', id: act },
        resource: null,
        context: {},
        policies,
        entities: [personEntity(policy, reader)],
      })
      if (answer.type === 'failure') return { text: 'false', parameters: [] }
      return compileResidual(answer.response, firstParameter)
    },
  }
}

function personEntity(policy: LabelPolicy, reader: Reader): cedar.EntityJson {
  return {
    uid: { type: 'Person', id: reader.subject },
    attrs: {
      // An unknown clearance ranks below every level: the opposite of an unknown level of a label.
      rank: policy.levels.get(reader.clearance)?.rank ?? -1,
      caveats: [...reader.caveats],
      nationality: reader.nationality,
      organisation: reader.organisation,
      ...(reader.domain !== undefined && { domain: reader.domain }),
    },
    parents: [],
  }
}
