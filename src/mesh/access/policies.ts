/**
 * The access policy of the mesh in Cedar. One set of policies is asked by every enforcement point: catalog search (as
 * SQL, through partial evaluation), catalog entry, record filter, query gateway, publishing. The ids of the `forbid`
 * policies are the reason codes in the audit log. What is not permitted is denied; so is whatever raises an error.
 */
export const POLICIES: Readonly<Record<string, string>> = {
  'read-is-for-cleared-people': `
    permit (principal is Person, action in [Action::"discover", Action::"query"], resource is Labelled)
    when {
      principal.rank >= resource.rank &&
      principal.caveats.containsAll(resource.categories) &&
      resource.nations.contains(principal.nationality)
    };`,
  'publish-is-for-the-own-domain': `
    permit (principal is Person, action == Action::"publish", resource is Labelled)
    when {
      principal has domain && principal.domain == resource.domain &&
      principal.rank >= resource.rank &&
      principal.caveats.containsAll(resource.categories) &&
      resource.nations.contains(principal.nationality)
    };`,
  'clearance-too-low': `
    forbid (principal, action, resource) unless { principal.rank >= resource.rank };`,
  'category-not-held': `
    forbid (principal, action, resource) unless { principal.caveats.containsAll(resource.categories) };`,
  'not-releasable': `
    forbid (principal, action, resource) unless { resource.nations.contains(principal.nationality) };`,
  'other-domain': `
    forbid (principal, action == Action::"publish", resource)
    unless { principal has domain && principal.domain == resource.domain };`,
}

export const POLICY_SCHEMA = `
  entity Person = { rank: Long, caveats: Set<String>, nationality: String, organisation: String, domain?: String };
  entity Labelled = { rank: Long, categories: Set<String>, nations: Set<String>, domain: String };
  action discover, query, publish appliesTo { principal: Person, resource: Labelled };
`
