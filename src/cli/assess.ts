import { resolve } from 'node:path'
import { assessSite } from '../assessment/assess.ts'
import { countOf, type Assessment } from '../assessment/assessment.ts'
import { claimsOf } from '../assessment/claims.ts'
import { fault } from '../assessment/codes.ts'
import { assertAbsent, documentsOf, writeDocuments } from '../assessment/write.ts'
import { openBundle } from '../bundle/verify.ts'
import { loginOf } from '../enclave/station/session.ts'
import { readSiteFiles } from '../enclave/station/site-files.ts'
import program from '../../package.json' with { type: 'json' }
import type { Command } from './command.ts'
import { SITE_OPTIONS, secretsOf } from './site-options.ts'

export const command: Command = {
  name: ['assess'],
  summary: 'ask every host of a site what can be seen there, judge it by the published rules, and write what assessors load: OSCAL, XCCDF, CKLB',
  options: {
    ...SITE_OPTIONS,
    output: { type: 'string', short: 'o', value: 'DIR', required: true, summary: 'a new folder for the documents' },
    bundle: { type: 'string', value: 'BUNDLE', summary: 'the bundle of the running release: findings are linked to what it claims for controls' },
  },
  example: 'sallyport assess --site out/site -o out/assessment-2026-11-30',
  async run(context, values) {
    const now = (): Date => new Date()
    const files = await readSiteFiles(resolve(context.cwd, values.need('site')))
    const folder = resolve(context.cwd, values.need('output'))
    const directory = values.text('bundle')
    const bundle = directory === undefined ? undefined : await openBundle(resolve(context.cwd, directory), { policy: files.policy, act: 'import', now: now(), approving: 'past' })
    await assertAbsent(folder)
    const login = await loginOf(files.site, secretsOf(context, values))
    let made: Assessment | undefined
    await context.tasks([
      {
        title: `assess ${files.site.name}`,
        run: async (onProgress) => {
          made = await assessSite(files, login, { now, program: program.version, onProgress })
        },
      },
    ])
    const assessment = made as Assessment
    await writeDocuments(folder, documentsOf(assessment, bundle && (await claimsOf(bundle, assessment.release?.digest))))
    const count = countOf(assessment.verdicts)
    const bad = assessment.verdicts.filter(({ result }) => result === 'fail' || result === 'not-checked')
    if (bad.length > 0)
      throw fault('E_ASSESSMENT_NOT_MET', `${count.fail} rule(s) fail and ${count['not-checked']} could not be checked; ${count.pass} pass. The documents are in ${folder}`, {
        faults: bad.map(({ rule, host, result, evidence }) => `${rule.id} ${host} ${result}: ${rule.title}: ${evidence[0] ?? ''}`),
      })
    context.result({ folder, release: assessment.release ?? null, ...count }, () => `All ${count.pass} answers to ${new Set(assessment.verdicts.map(({ rule }) => rule.id)).size} rules are as they should be. The documents are in ${folder}.`)
  },
}
