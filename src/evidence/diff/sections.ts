import type { Finding } from '../advisories/findings.ts'
import { countOf, type Changes } from './changes.ts'
import type { Difference } from './difference.ts'
import type { ImageState } from './images.ts'
import type { PackageState } from './packages.ts'
import type { Right } from './services.ts'
import type { Directive } from './units.ts'

/** One change, as a person reads it. */
export interface Line {
  /** `=`: in both, and worth saying. */
  readonly sign: '+' | '-' | '~' | '='
  readonly what: string
  readonly before?: string
  readonly after?: string
}

export interface Section {
  readonly title: string
  readonly lines: readonly Line[]
}

/** What differs, in the order in which an accreditor asks: first what opens something, then what is new, then the rest. */
export function sectionsOf(difference: Difference): Section[] {
  const { rights, directives, settings, files, packages, images, mirrors, statements, installer } = difference
  const of = (topics: readonly Right['topic'][]): Changes<Right> => filtered(rights, ({ topic }) => topics.includes(topic))
  const right = { name: ({ service, topic, name }: Right) => `${service}: ${topic === 'caller' ? '' : `${topic} `}${name}`, value: ({ value }: Right) => value }
  const directive = { name: ({ unit, section, key }: Directive) => `${unit} [${section}] ${key}`, value: ({ values }: Directive) => values.join(', ') }
  return [
    { title: 'The release itself', lines: linesOf(statements, { name: ({ member }) => member, value: ({ value }) => value }) },
    { title: 'Ports', lines: linesOf(of(['port']), right) },
    { title: 'Callers', lines: linesOf(of(['caller']), right) },
    {
      title: 'Accounts and privileges',
      lines: [
        ...linesOf(of(['account', 'privilege']), right),
        ...linesOf(imageRights(images), { name: ({ name, what }) => `image ${name}: ${what}`, value: ({ value }) => value }),
        ...linesOf(filtered(directives, ({ privilege }) => privilege), directive),
      ],
    },
    ...advisorySections(difference),
    {
      title: 'Settings',
      lines: [
        ...linesOf(of(['setting']), right),
        ...linesOf(filtered(directives, ({ privilege }) => !privilege), directive),
        ...linesOf(settings, { name: ({ file, name }) => `${file} ${name}`, value: ({ value }) => value }),
      ],
    },
    { title: 'Packages', lines: packageLines(packages) },
    { title: 'Images', lines: imageLines(images) },
    { title: 'Mirrors', lines: linesOf(mirrors, { name: ({ name, ecosystem }) => `${name} (${ecosystem})`, value: ({ tree }) => `tree ${tree.slice(0, 16)}…` }) },
    { title: 'Installer', lines: linesOf(installer, { name: () => 'sallyport', value: ({ sha512 }) => `sha512 ${sha512.slice(0, 16)}…` }) },
    { title: 'Files of the infrastructure', lines: linesOf(files, { name: ({ path }) => path, value: ({ executable, sha256 }) => `sha256 ${sha256.slice(0, 16)}…${executable ? ', executable' : ''}` }) },
  ].filter(({ lines }) => lines.length > 0)
}

interface Words<T> {
  name(one: T): string
  value(one: T): string
}

function linesOf<T>({ added, gone, changed }: Changes<T>, { name, value }: Words<T>): Line[] {
  return [
    ...added.map((one): Line => ({ sign: '+', what: name(one), after: value(one) })),
    ...gone.map((one): Line => ({ sign: '-', what: name(one), before: value(one) })),
    ...changed.map(({ before, after }): Line => ({ sign: '~', what: name(after), before: value(before), after: value(after) })),
  ]
}

function filtered<T>({ added, gone, changed }: Changes<T>, wanted: (one: T) => boolean): Changes<T> {
  return { added: added.filter(wanted), gone: gone.filter(wanted), changed: changed.filter(({ after }) => wanted(after)) }
}

function advisorySections({ advisories }: Difference): Section[] {
  if (advisories === undefined) return []
  const { introduced, fixed, remaining } = advisories
  return [
    {
      title: 'Advisories',
      lines: [
        ...introduced.map((one): Line => ({ sign: '+', what: `${one.id} ${one.name}`, after: told(one) })),
        ...fixed.map((one): Line => ({ sign: '-', what: `${one.id} ${one.name}`, before: told(one) })),
      ],
    },
    {
      title: 'Advisories that both have',
      lines: remaining.map((one): Line => ({ sign: '=', what: `${one.id} ${one.name}${one.learnt ? ' (not known when OLD was built)' : ''}`, after: told(one) })),
    },
  ]
}

/** `1.2-3, high, fixed in 1.2-4: summary` */
function told({ version, severity, fixed, verdict, summary, vex, open }: Finding): string {
  const parts = [version, ...(severity === undefined ? [] : [severity]), ...(verdict === 'affected' ? [] : ['undetermined']), fixed === undefined ? 'no fix known' : `fixed in ${fixed}`, ...(open ? [] : [`settled: ${vex?.justification ?? vex?.status ?? ''}`])]
  return `${parts.join(', ')}: ${summary.length > 160 ? `${summary.slice(0, 160)}…` : summary}`
}

function packageLines({ added, gone, changed }: Changes<PackageState>): Line[] {
  return [
    ...linesOf({ added, gone, changed: [] }, { name: ({ name }) => name, value: places }),
    ...changed.map(({ before, after }): Line => {
      const old = new Map(before.versions.map(({ version, sha512 }) => [version, sha512]))
      const other = after.versions.filter(({ version, sha512 }) => old.has(version) && old.get(version) !== sha512).map(({ version }) => version)
      const note = other.length === 0 ? '' : `; other bytes under the same version ${other.join(', ')}`
      return { sign: '~', what: after.name, before: places(before), after: `${places(after)}${note}` }
    }),
  ]
}

function places({ versions }: PackageState): string {
  return versions.map(({ version, places: where }) => `${version} (${where.length > 3 ? `${where.slice(0, 3).join(', ')} and ${where.length - 3} more` : where.join(', ')})`).join('; ')
}

/** User and ports of images that are in both bundles; those of new ones stand with the image. */
function imageRights({ changed }: Changes<ImageState>): Changes<{ name: string; what: string; value: string }> {
  const told = ({ name, user, ports }: ImageState): { name: string; what: string; value: string }[] => [
    { name, what: 'user', value: user },
    { name, what: 'ports', value: ports.join(' ') || 'none' },
  ]
  return {
    added: [],
    gone: [],
    changed: changed.flatMap(({ before, after }) =>
      told(after).flatMap((now, index) => {
        const old = told(before)[index]
        return old === undefined || old.value === now.value ? [] : [{ before: old, after: now }]
      }),
    ),
  }
}

function imageLines({ added, gone, changed }: Changes<ImageState>): Line[] {
  const short = ({ sha256, user, ports }: ImageState): string => `manifest ${sha256.slice(0, 16)}…, user ${user}${ports.length > 0 ? `, ports ${ports.join(' ')}` : ''}`
  return [
    ...linesOf({ added, gone, changed: [] }, { name: ({ name }) => name, value: short }),
    ...changed.flatMap(({ before, after }): Line[] => [
      { sign: '~', what: after.name, before: short(before), after: short(after) },
      ...listLines(`${after.name}: `, before.settings, after.settings),
      ...listLines(`${after.name}: file `, before.unowned, after.unowned),
    ]),
  ]
}

function listLines(of: string, before: readonly string[], after: readonly string[]): Line[] {
  return [
    ...after.filter((one) => !before.includes(one)).map((one): Line => ({ sign: '+', what: `${of}${cut(one)}` })),
    ...before.filter((one) => !after.includes(one)).map((one): Line => ({ sign: '-', what: `${of}${cut(one)}` })),
  ]
}

/** Digests are for programs: a person compares sixteen digits. */
const cut = (text: string): string => text.replace(/ ([0-9a-f]{16})[0-9a-f]{112}$/, ' sha512 $1…')

/** `3 new, 1 gone, 2 changed` */
export function counted(changes: Changes<unknown>): string {
  const { added, gone, changed } = changes
  return countOf(changes) === 0 ? 'the same' : `${added.length} new, ${gone.length} gone, ${changed.length} changed`
}
