import { errors, jwtVerify } from 'jose'
import type { JWTPayload, JWTVerifyGetKey } from 'jose'
import { fault } from '../codes.ts'
import type { LabelPolicy } from '../labels/policy.ts'
import type { Reader } from './reader.ts'

export interface TokenRules {
  readonly issuer: string
  readonly audience: string
  readonly algorithms: readonly string[]
  readonly keys: JWTVerifyGetKey
  readonly policy: LabelPolicy
  readonly now: () => Date
}

const CLOCK_TOLERANCE_S = 5

/**
 * Verifies an access token (RFC 7519, RFC 9068) and its binding to the client certificate of this very connection
 * (RFC 8705), whose SHA-256 is `bound`, base64url. A claim that is missing, of the wrong type or unknown to the label
 * policy refuses the token as a whole: a half-understood person has no rights. Throws E_MESH_TOKEN; E_MESH_IDENTITY when the keys cannot be read.
 */
export async function readerOf(authorization: string | undefined, bound: string, rules: TokenRules): Promise<Reader> {
  const token = /^Bearer ([A-Za-z0-9._-]+)$/i.exec(authorization ?? '')?.[1]
  if (token === undefined) throw refuse('the request carries no bearer token')
  const payload = await verify(token, rules)
  const confirmation = payload['cnf'] as { 'x5t#S256'?: unknown } | undefined
  if (confirmation?.['x5t#S256'] !== bound) throw refuse('the token is bound to another certificate')
  return claims(payload, bound, rules.policy)
}

async function verify(token: string, rules: TokenRules): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(token, rules.keys, {
      issuer: rules.issuer,
      audience: rules.audience,
      algorithms: [...rules.algorithms],
      clockTolerance: CLOCK_TOLERANCE_S,
      currentDate: rules.now(),
      requiredClaims: ['exp', 'iat', 'sub', 'jti'],
    })
    return payload
  } catch (cause) {
    // A token of an unknown key is the caller's fault; keys that cannot be read are not.
    const unreadable = cause instanceof errors.JWKSTimeout || !(cause instanceof errors.JOSEError)
    if (unreadable || cause.code === 'ERR_JOSE_GENERIC') {
      throw fault('E_MESH_IDENTITY', 'the signing keys cannot be read', { found: String(cause), cause })
    }
    throw refuse(cause instanceof errors.JWTExpired ? 'the token has expired' : `the token does not verify: ${cause.code}`)
  }
}

function claims(payload: JWTPayload, certificate: string, policy: LabelPolicy): Reader {
  const faults: string[] = []
  const text = (name: string): string => {
    const value = payload[name]
    if (typeof value === 'string' && value !== '') return value
    faults.push(`claim ${name} is missing or no text`)
    return ''
  }
  const clearance = text('clearance')
  const nationality = text('nationality')
  const organisation = text('organisation')
  const caveats = payload['caveats'] ?? []
  const domain = payload['domain']
  if (clearance !== '' && !policy.levels.has(clearance)) faults.push(`clearance “${clearance}” is unknown`)
  if (nationality !== '' && !policy.nations.has(nationality)) faults.push(`nationality “${nationality}” is unknown`)
  const held = Array.isArray(caveats) ? caveats.filter((item): item is string => typeof item === 'string') : []
  if (!Array.isArray(caveats) || held.length !== caveats.length) faults.push('claim caveats is no list of texts')
  for (const caveat of held) if (!policy.categories.has(caveat)) faults.push(`caveat “${caveat}” is unknown`)
  if (domain !== undefined && (typeof domain !== 'string' || domain === '')) faults.push('claim domain is no text')
  if (faults.length > 0) throw refuse('the token’s claims are not accepted', faults)
  return {
    subject: payload.sub ?? '',
    name: typeof payload['preferred_username'] === 'string' ? payload['preferred_username'] : (payload.sub ?? ''),
    clearance,
    caveats: held,
    nationality,
    organisation,
    ...(typeof domain === 'string' && { domain }),
    certificate,
    token: payload.jti ?? '',
  }
}

const refuse = (message: string, faults?: readonly string[]): Error =>
  fault('E_MESH_TOKEN', message, faults === undefined ? {} : { faults })
