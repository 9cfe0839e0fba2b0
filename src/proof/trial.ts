import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { hostNamed, labRun, type Lab, type Watch } from '../lab/lab.ts'
import { quoted, type Check } from './check.ts'
import { DOMAIN } from './organisation.ts'
import { reachedOf, type Tried } from './record.ts'

/** Where the hosts see the files of the checks, read-only. */
export const FILES = '/proof'

const HOSTS = { workbench: 'h1', target: 'h2' } as const
const CHECK_SECONDS = 900
const KEPT_BYTES = 12_000

/** Where the programs lie that checks bring along; no check has this for a number. */
const PROGRAMS = 'programs'

/** Writes the files of every check below `folder`, which the hosts of the lab will see. */
export async function layOutChecks(folder: string, checks: readonly Check[]): Promise<void> {
  const programs = new Set(checks.flatMap((check) => check.programs ?? []))
  await mkdir(join(folder, PROGRAMS), { recursive: true })
  for (const program of programs) await copyFile(program, join(folder, PROGRAMS, basename(program)))
  for (const [at, { files = {} }] of checks.entries())
    for (const [path, text] of Object.entries({ ...files, '.check': '' })) {
      const file = join(folder, String(at), path)
      await mkdir(dirname(file), { recursive: true })
      await writeFile(file, text)
    }
}

/** Runs one check on its host; what reaches out until the next one begins is its own. */
export async function tryCheck(lab: Lab, watch: Watch, check: Check, at: number, signal: AbortSignal): Promise<Tried> {
  const { what, line, run, judge } = check
  const started = performance.now()
  const folder = `/var/tmp/proof-${at}`
  const body = `set +e\nexport PATH=${FILES}/${PROGRAMS}:$PATH\ncp -r ${FILES}/${at} ${folder} && cd ${folder} || exit 255\nexec > ${folder}.log 2>&1\n${run}`
  const ended = await labRun(
    lab,
    hostNamed(lab, HOSTS[check.on]),
    `timeout --kill-after=10 ${CHECK_SECONDS} bash -c ${quoted(body)}; code=$?; tail -c ${KEPT_BYTES} ${folder}.log; rm -rf ${folder} ${folder}.log; exit $code`,
    undefined,
    signal,
  )
  signal.throwIfAborted()
  const reached = reachedOf(await watch.since(), DOMAIN)
  const said = `${ended.stdout}${ended.stderr}`.trim()
  const why = judge === undefined ? (ended.code === 0 ? undefined : `its client ended with ${ended.code}`) : judge(ended.code, said)
  const well = why === undefined && reached.length === 0
  return {
    ...{ what, line, seconds: Math.round((performance.now() - started) / 100) / 10, well, reached },
    ...(why === undefined ? {} : { why }),
    ...(well ? {} : { said }),
  }
}
