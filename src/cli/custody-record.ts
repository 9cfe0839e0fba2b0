import { createHash } from 'node:crypto'
import { createReadStream, readFileSync } from 'node:fs'
import { release, type } from 'node:os'
import { resolve } from 'node:path'
import { isSea } from 'node:sea'
import type { SigningKey } from '../bundle/keys.ts'
import { ENTRY_TYPE, type Carried, type Content, type Scan } from '../custody/entry.ts'
import { fault as custodyFault } from '../custody/codes.ts'
import { appendEntry } from '../custody/log.ts'
import { carriedOn, contentOf } from '../custody/medium.ts'
import { notScanned, scanMedium } from '../custody/scan.ts'
import { fault } from './codes.ts'
import type { Command, Context, Values } from './command.ts'
import { describeEntry } from './custody-show.ts'
import { personKeys, secretsOfSeveral } from './person-key.ts'
import { instant } from './policy-words.ts'

export const command: Command = {
  name: ['custody', 'record'],
  endsItself: true,
  summary: 'hash and scan a medium, and log its crossing, signed by who hands it over and who takes it',
  positionals: ['MEDIUM'],
  options: {
    log: { type: 'string', value: 'FILE', required: true, summary: 'the log; made when it is not there' },
    serial: { type: 'string', value: 'TEXT', required: true, summary: 'serial number of the medium, as it is printed on it' },
    label: { type: 'string', value: 'TEXT', summary: 'what else is written on it' },
    from: { type: 'string', value: 'PLACE', required: true, summary: 'where it comes from' },
    to: { type: 'string', value: 'PLACE', required: true, summary: 'where it goes' },
    'hands-over': { type: 'string', value: 'KEYDIR', required: true, summary: 'key of the person who hands it over' },
    takes: { type: 'string', value: 'KEYDIR', required: true, summary: 'key of the person who takes it' },
    ...secretsOfSeveral('the two keys'),
    scanner: { type: 'string', value: 'PROGRAM', summary: 'program that scans, with the path as its last word: exit 0 clean, 1 found, else failed (default clamscan)' },
    'scanner-word': { type: 'string', value: 'WORD', multiple: true, summary: 'a word for it, before the path; in their order' },
    definitions: { type: 'string', value: 'DIR', summary: 'definitions of clamscan: a folder, named in the log by its digest' },
    'no-scan': { type: 'string', value: 'REASON', summary: 'log it without a scan, and why' },
    note: { type: 'string', value: 'TEXT', summary: 'for people' },
  },
  example: 'sallyport custody record /media/disc --log custody.jsonl --serial BD-0042 --from "low side" --to "site demo" --hands-over keys/alice --takes keys/olga --definitions /var/lib/clamav',
  async run(context, values, [medium = '']) {
    const path = resolve(context.cwd, medium)
    const reason = values.text('no-scan')
    if (reason !== undefined && (values.text('scanner') ?? values.text('definitions')) !== undefined) throw fault('E_USAGE', '--no-scan stands alone', { found: '--scanner or --definitions beside it' })
    let content: Content | undefined
    let carried: Carried | null = null
    let scan: Scan | undefined
    await context.tasks([
      {
        title: `hash ${medium}`,
        async run(onProgress) {
          content = await contentOf(path, onProgress, context.signal)
          carried = await carriedOn(path)
        },
      },
      { title: reason === undefined ? `scan ${medium}` : 'no scan', run: async () => void (scan = reason === undefined ? await scanMedium(path, scannerOf(context, values), context.signal) : notScanned(reason)) },
    ])
    if (!content || !scan) return
    const [hands, takes] = (await personKeys(context, values, [values.need('hands-over'), values.need('takes')])) as [SigningKey, SigningKey]
    const logged = await appendEntry(
      resolve(context.cwd, values.need('log')),
      {
        type: ENTRY_TYPE,
        time: instant(new Date()),
        outcome: scan.result === 'found' ? 'refused' : 'crossed',
        medium: { serial: values.need('serial'), label: values.text('label') ?? null },
        from: values.need('from'),
        to: values.need('to'),
        content,
        carried,
        scan,
        tools: await tools(),
        note: values.text('note') ?? null,
      },
      hands,
      takes,
    )
    if (scan.result === 'found') throw custodyFault('E_CUSTODY_FOUND', `${scan.scanner} found something on ${medium}: entry ${logged.entry.number} says that it was refused`, { faults: scan.found })
    context.result({ ...logged.entry, head: logged.digest }, () => `${describeEntry(logged.entry)}\nHead of the log, for the paper that goes with the medium: ${logged.digest}`)
  },
}

function scannerOf(context: Context, values: Values) {
  const definitions = values.text('definitions')
  const words = values.list('scanner-word')
  return {
    program: values.text('scanner') ?? 'clamscan',
    ...(words.length > 0 ? { words } : {}),
    ...(definitions === undefined ? {} : { definitions: resolve(context.cwd, definitions) }),
  }
}

/** With which programs a crossing was made: the single executable by its digest, else the version of the sources. */
async function tools() {
  const system = `${type()} ${release()}`
  const { node, openssl } = process.versions
  if (!isSea()) {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
    return { sallyport: `sources of ${version}`, node, openssl: String(openssl), system }
  }
  const hash = createHash('sha512')
  for await (const chunk of createReadStream(process.execPath, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer)
  return { sallyport: `executable, sha512 ${hash.digest('hex')}`, node, openssl: String(openssl), system }
}
