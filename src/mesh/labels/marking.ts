import type { CanonicalLabel } from './label.ts'
import type { LabelPolicy } from './policy.ts'

/** Banner of a page or an answer: `SECRET//AZURE//REL TO USA, CAN, GBR`, or `SECRET//USA ONLY`. For people only. */
export function banner(policy: LabelPolicy, label: CanonicalLabel): string {
  return [label.level, ...categoriesPart(label), releasePart(policy, label)].join('//')
}

/** Portion mark of a paragraph or record: `(S//AZURE//REL TO USA, CAN, GBR)`. For people only. */
export function portionMark(policy: LabelPolicy, label: CanonicalLabel): string {
  const level = policy.levels.get(label.level)?.portion ?? label.level
  return `(${[level, ...categoriesPart(label), releasePart(policy, label)].join('//')})`
}

const categoriesPart = (label: CanonicalLabel): readonly string[] =>
  label.categories.length === 0 ? [] : [label.categories.join('/')]

/** The owner first, then groups that are released whole (largest first), then the single nations left. */
function releasePart(policy: LabelPolicy, label: CanonicalLabel): string {
  if (label.releasability.length === 0) return `${policy.owner} ONLY`
  const released = new Set([policy.owner, ...label.releasability])
  const left = new Set(label.releasability)
  const groups: string[] = []
  for (const [name, nations] of [...policy.groups].sort((a, b) => b[1].length - a[1].length)) {
    if (nations.every((nation) => released.has(nation)) && nations.some((nation) => left.has(nation))) {
      groups.push(name)
      for (const nation of nations) left.delete(nation)
    }
  }
  return `REL TO ${[policy.owner, ...groups.sort(), ...left].join(', ')}`
}
