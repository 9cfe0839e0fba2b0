import type { Finding } from '../advisories/findings.ts'
import type { ReportContents } from './contents.ts'
import { html, table, type Html } from './html.ts'

export const openCount = (findings: readonly Finding[]): number => findings.filter(({ open }) => open).length

const ORDER = ['critical', 'high', 'moderate', 'medium', 'low', 'unimportant']

/** What nobody has settled, the gravest first, and what this report cannot know. */
export function openPage({ bundle, advisories, licences, images }: ReportContents): Html {
  const open = (advisories?.findings ?? []).filter((one) => one.open).toSorted((a, b) => weight(a) - weight(b))
  return html`<section class="page"><h2>What is open</h2>
<h3>Known vulnerabilities that nobody has settled</h3>
${
    advisories === undefined
      ? html`<p class="none">The bundle carries no data on vulnerabilities. Ask for a bundle whose definition names some, or for a bundle of advisories.</p>`
      : html`<p>Known to ${advisories.sources.map(({ name, dated, upstream }) => `${name} of ${dated} (${upstream.records} records)`).join(', ')}. What was published later is not in here.</p>${table(
          ['vulnerability', 'package', 'severity', 'fixed in', 'what, and what was said of it'],
          open.map(({ id, name, version, severity, vector, fixed, summary, verdict, vex }) => [
            id,
            html`${name} ${version}`,
            [severity ?? '', vector ?? ''].filter((text) => text !== '').join(' ') || 'not rated',
            fixed ?? 'no fix known',
            [summary, ...(verdict === 'affected' ? [] : ['UNDETERMINED: the source has not decided, or the version cannot be compared.']), ...(vex === undefined ? [] : [`${vex.author}: ${vex.status}. ${vex.action ?? vex.impact ?? ''}`])].join(' '),
          ]),
          'None of them concerns a package of this bundle.',
        )}`
  }
<h3>What this report does not say</h3><ul>
<li>What is inside a jar, a wheel or an executable that others linked is not taken apart.</li>
${(licences.get('') ?? 0) > 0 ? html`<li>${licences.get('') ?? 0} inputs state no licence that a program can read.</li>` : html``}
${images.some(({ origin }) => origin === 'foreign') ? html`<li>Images made elsewhere are told by their own package databases.</li>` : html``}
${bundle.approvals.length === 0 ? html`<li>No accreditor has approved this bundle yet, as far as the bundle shows.</li>` : html``}
<li>Whether a control is met is not judged here.</li>
</ul></section>`
}

function weight({ severity }: Finding): number {
  const at = ORDER.indexOf(severity ?? '')
  // What nobody has rated may be grave: before the low ones.
  return at < 0 ? 3.5 : at
}
