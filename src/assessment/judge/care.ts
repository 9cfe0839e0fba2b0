import { judged, notApplicable } from '../assessment.ts'
import { onFacts, withAnswer, type Judge } from './subject.ts'

const DAY = 86_400
const BACKUP_DAYS = 35
const REPORT_SECONDS = 300
const CLOCK_SECONDS = 60

/** SLP-130 */
export const noDrift: Judge = (subject) => {
  if (!subject.host.roles.includes('node-exporter')) return notApplicable('drift is looked at by the role node-exporter, which this host does not have')
  return onFacts('drift', ({ lines, age, program, recorded }, { release }) =>
    withAnswer(release, ({ observer }) => {
      const faults = lines.filter((line) => line !== 'nothing')
      if (age > REPORT_SECONDS) faults.push(`the report is ${Math.round(age)} s old, at most ${REPORT_SECONDS} are taken`)
      if (recorded === null) faults.push('no state is remembered that could be compared with')
      if (observer === undefined) faults.push('the release signs no program that looks for drift')
      else if (program !== observer) faults.push(`the program that looks for drift is not the signed one: ${program ?? 'absent'}`)
      return judged(faults, [`no difference, as of ${Math.round(age)} s ago, by the signed program`, `compared with what was remembered at ${new Date((recorded ?? 0) * 1000).toISOString()}`])
    }),
  )(subject)
}

/** SLP-160. Groups hold what one service reads; only the system's own accounts own keys. */
export const keysGuarded: Judge = onFacts('keys', (keys) => {
  const faults = keys.flatMap(({ path, mode, uid, gid }) => {
    const said = `${path} is ${mode.toString(8).padStart(4, '0')}, owner ${uid}:${gid}`
    const secret = path.startsWith('/etc/sallyport/secrets/') || path.startsWith('/etc/sallyport/pki/')
    if ((mode & 0o027) !== 0) return [said]
    return secret && (uid !== 0 || (mode & 0o040) !== 0) ? [said] : []
  })
  return judged(keys.length === 0 ? ['no key was found where keys are'] : faults, [`${keys.length} keys and secrets, none for others`])
})

/** SLP-210 */
export const backupsFresh: Judge = onFacts('backups', ({ newest, needed }, { facts, now }) => {
  if (needed.length === 0) return notApplicable('no service of this host is made good by a backup alone')
  const installed = 'answer' in facts ? (facts.answer.drift?.installed ?? 0) : 0
  const seconds = now.getTime() / 1000
  const young = seconds - installed < DAY
  const faults = needed.flatMap((service) => {
    const at = newest[service] ?? 0
    if (at === 0) return young ? [] : [`${service} has no backup`]
    const days = (seconds - at) / DAY
    return days > BACKUP_DAYS ? [`the newest backup of ${service} is ${Math.floor(days)} days old`] : []
  })
  return judged(faults, needed.map((service) => (newest[service] ? `${service}: ${new Date(newest[service] * 1000).toISOString()}` : `${service}: none yet, and the host was installed less than a day ago`)))
})

/** SLP-220 */
export const clocksAgree: Judge = onFacts('clock', (clock, { now }) => {
  const apart = Math.abs(clock - now.getTime() / 1000)
  return judged(apart > CLOCK_SECONDS ? [`${Math.round(apart)} s apart: the host says ${new Date(clock * 1000).toISOString()}, the station ${now.toISOString()}`] : [], [`less than ${Math.ceil(apart) + 1} s apart`])
})

/** SLP-230 */
export const depotAlone: Judge = onFacts('sources', ({ apt, registries, more }, { site, release }) =>
  withAnswer(release, () => {
    const depot = `https://depot.${site.domain}:8443/`
    const faults = apt.flatMap(({ file, uri, signed, trusted }) => [
      ...(uri.startsWith(depot) || uri.startsWith('file:/var/lib/sallyport/') ? [] : [`${file}: ${uri} is not the depot`]),
      ...(signed === '' ? [`${file}: ${uri} names no keyring`] : []),
      ...(trusted === '' ? [] : [`${file}: ${uri} is taken without signature`]),
    ])
    // Without Podman there is nothing to pull; with it, a short name must lead nowhere.
    const search = registries.find((line) => line.startsWith('unqualified-search-registries'))
    if (search !== undefined && !/=\s*\[\s*\]$/.test(search)) faults.push(`registries.conf: ${search}`)
    if (search === undefined && registries.length > 0) faults.push('registries.conf does not say that short names lead nowhere')
    const others = more.filter((path) => !path.endsWith('/shortnames.conf')).map((path) => `${path} changes where images come from`)
    return judged([...faults, ...others], [...new Set(apt.map(({ uri }) => `apt: ${uri}`)), 'images: no registry is searched for a short name'])
  }),
)
