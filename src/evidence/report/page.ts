import type { Finding } from '../advisories/findings.ts'
import type { Right } from '../diff/services.ts'
import { changesAppendix, changesPage } from './changes.ts'
import type { ReportContents } from './contents.ts'
import { digest, html, table, type Html } from './html.ts'
import { openPage, openCount } from './open.ts'
import { styleOf } from './style.ts'

export interface ReportAbout {
  /** When the bundle was verified. */
  readonly now: Date
  readonly policy: { readonly site: string; readonly version: number; readonly digest: string; readonly pinned: boolean }
  /** Version of this program. */
  readonly program: string
}

/** The whole page: one file, no scripts, nothing from elsewhere. The same contents and time give the same bytes. */
export function reportPage(contents: ReportContents, about: ReportAbout): string {
  const { name, version, marking } = contents.bundle.statement
  const banner = [marking.level, ...marking.categories, ...marking.releasability.map((to) => `REL ${to}`)].join(' / ')
  const page = html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>${name} ${version}: report for the security officer</title>
<style>${styleOf(banner)}</style>
</head>
<body>
<p class="marking">${banner}</p>
<h1>${name} ${version}</h1>
<p>Report for the security officer, made by Sallyport ${about.program} on ${about.now.toISOString().slice(0, 16).replace('T', ' ')} UTC from the bundle itself, after every byte of it was verified.</p>
${glance(contents)}
${signed(contents, about)}
${contents.since === undefined ? html`` : changesPage(contents.since)}
${openPage(contents)}
${inside(contents)}
${opens(contents.rights, contents)}
${contents.since === undefined ? html`` : changesAppendix(contents.since)}
${settledAppendix(contents.advisories?.findings.filter(({ open }) => !open) ?? [])}
${unownedAppendix(contents)}
${packagesAppendix(contents)}
<p class="marking">${banner}</p>
</body>
</html>
`
  return page.text
}

function glance(contents: ReportContents): Html {
  const { bundle, packages, images, rights, advisories, since } = contents
  const unowned = images.reduce((sum, { unowned: files }) => sum + files.length, 0)
  const ports = rights.filter(({ topic }) => topic === 'port')
  return html`<h2>At a glance</h2><dl>
<dt>Signed by</dt><dd>${bundle.signers.map(({ person }) => person).join(', ')}</dd>
<dt>Approvals</dt><dd>${bundle.approvals.length === 0 ? 'none in the bundle' : `${bundle.approvals.length}`}</dd>
<dt>Inside</dt><dd>${images.length} images, ${bundle.statement.mirrors.length} mirrors, ${packages.size} packages, ${bundle.sums.size} files</dd>
<dt>Not of a package</dt><dd>${unowned} files in images, each listed</dd>
<dt>Listens on</dt><dd>${ports.length === 0 ? 'the bundle says nothing of ports' : `${ports.filter(({ value }) => !value.includes('loopback')).length} ports on a host’s address, ${ports.filter(({ value }) => value.includes('loopback')).length} on loopback`}</dd>
<dt>Known vulnerabilities</dt><dd>${advisories === undefined ? 'no data in the bundle: nothing is known, which is not the same as none' : `${openCount(advisories.findings)} open, ${advisories.findings.length - openCount(advisories.findings)} settled with reasons`}</dd>
<dt>Compared with</dt><dd>${since === undefined ? 'nothing: no earlier bundle was given' : `${since.before.name} ${since.before.version}`}</dd>
</dl>`
}

function signed({ bundle }: ReportContents, { policy }: ReportAbout): Html {
  const { statement, signers, approvals, notices } = bundle
  return html`<h2>Who signed</h2>
${table(['person', 'roles', 'key', 'algorithms'], signers.map(({ person, roles, keyId }) => [person, roles.join(', '), html`<code>${keyId}</code>`, 'ML-DSA-87 and ECDSA P-384, both hold']), 'Nobody.')}
${table(
    ['approved by', 'act', 'until', 'conditions'],
    approvals.map(({ signers: persons, act, expires, conditions }) => [persons.map(({ person }) => person).join(', '), act, expires, conditions.join('; ')]),
    'The bundle carries no approval that counts.',
  )}
${notices.length === 0 ? html`` : html`<p>Not counted:</p>${table(['signature or approval'], notices.map((notice) => [notice]), '')}`}
<h3>Compare these with the card</h3><dl>
<dt>sha512 of bundle.json</dt><dd>${digest(bundle.digest)}</dd>
<dt>trust policy</dt><dd>site ${policy.site}, version ${policy.version}${policy.pinned ? ', its digest was given from the card' : ', TAKEN AS IT WAS: its digest was not given'}<br>${digest(policy.digest)}</dd>
<dt>release</dt><dd>${statement.kind}, sequence ${statement.sequence}, created ${statement.created}</dd>
<dt>for</dt><dd>${statement.targets.map(({ os, release, architecture }) => `${os} ${release} ${architecture}`).join(', ')}</dd>
<dt>upgrades from</dt><dd>${statement.upgradesFrom.map(({ name, minSequence, maxSequence }) => `${name} sequence ${minSequence} to ${maxSequence}`).join(', ') || 'nothing'}</dd>
</dl>`
}

function inside({ bundle, images, packages, licences }: ReportContents): Html {
  const { mirrors, iac, installer } = bundle.statement
  const stated = [...licences].filter(([licence]) => licence !== '')
  return html`<section class="page"><h2>What is in it</h2>
<h3>Images</h3>${table(
    ['image', 'made', 'runs as', 'files', 'of packages', 'of none'],
    images.map(({ name, reference, origin, user, files, owned, unowned }) => [html`${name}<br><code>${reference}</code>`, origin === 'recipe' ? 'here, from packages' : 'elsewhere, kept as it was', user, files, owned, unowned.length]),
    'None.',
  )}
<h3>Mirrors, infrastructure, installer</h3>${table(
    ['what', 'kind'],
    [
      ...mirrors.map(({ name, ecosystem }) => [`mirror ${name}`, ecosystem]),
      ...iac.map(({ name, kind }) => [`infrastructure ${name}`, kind]),
      ...(installer === null ? [] : [[`installer ${installer.path}`, `${(installer.size / 1e6).toFixed(1)} MB, with Node inside`]]),
    ],
    'None.',
  )}
<h3>Packages by ecosystem</h3>${table(
    ['ecosystem', 'packages'],
    [...Map.groupBy(packages.keys(), (name) => name.split(' ')[0] ?? '')].sort(([a], [b]) => (a < b ? -1 : 1)).map(([type, names]) => [type, names.length]),
    'None.',
  )}
<h3>Licences, as the packages state them</h3>
<p>${licences.get('') ?? 0} inputs state none that a program can read.</p>
${table(['licence', 'inputs'], stated.map(([licence, count]) => [licence, count]), 'None is stated.')}</section>`
}

function opens(rights: readonly Right[], { images }: ReportContents): Html {
  const of = (topic: Right['topic']): readonly Right[] => rights.filter((one) => one.topic === topic)
  return html`<section class="page"><h2>Ports, callers, accounts and privileges</h2>
<p>From group_vars/all/services.json of the infrastructure, and the configuration of each image.</p>
<h3>Ports</h3>${table(['service', 'name', 'port'], of('port').map(({ service, name, value }) => [service, name, value]), 'The bundle says nothing of ports.')}
<h3>Who may call</h3>${table(['service', 'listener ← caller', 'what'], of('caller').map(({ service, name, value }) => [service, name, value]), 'The bundle says nothing of callers.')}
<h3>Accounts and privileges</h3>${table(
    ['service', 'what', 'value'],
    [
      ...[...of('account'), ...of('privilege')].map(({ service, name, value }) => [service, name, value]),
      ...images.map(({ name, user, ports }) => [`image ${name}`, 'user, ports', `${user}; ${ports.join(' ') || 'no ports'}`]),
    ],
    'The bundle says nothing of accounts.',
  )}</section>`
}

function settledAppendix(settled: readonly Finding[]): Html {
  if (settled.length === 0) return html``
  return html`<section class="page"><h2>Appendix: vulnerabilities settled by a statement</h2>
${table(
    ['vulnerability', 'package', 'why it does not matter here', 'said by'],
    settled.map(({ id, name, version, vex }) => [id, `${name} ${version}`, [vex?.justification ?? vex?.status ?? '', vex?.impact ?? ''].filter((text) => text !== '').join('. '), `${vex?.author ?? ''}, ${vex?.timestamp ?? ''}`]),
    '',
  )}</section>`
}

function unownedAppendix({ images }: ReportContents): Html {
  const rows = images.flatMap(({ name, unowned }) => unowned.map((file) => [name, html`<code>${file.replace(/ ([0-9a-f]{16})[0-9a-f]{112}$/, ' sha512 $1…')}</code>`]))
  return html`<section class="page"><h2>Appendix: files of images that no package owns</h2>
<p>Files that a recipe of the bundle writes itself, or that an image made elsewhere does not account for.</p>
${table(['image', 'file'], rows, 'None.')}</section>`
}

function packagesAppendix({ packages }: ReportContents): Html {
  const rows = [...packages].flatMap(([name, versions]) => versions.map(({ version, places }) => [name, version, places.join(', ')]))
  return html`<section class="page"><h2>Appendix: packages</h2>${table(['package', 'version', 'where'], rows, 'None.')}</section>`
}
