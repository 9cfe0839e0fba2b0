import { access, constants, readFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import type { Check } from './check.ts'
import { clientSettings } from './client-settings.ts'
import { lineOf, listOf, named, type Client, type Subject } from './subject.ts'

/** Each provider of a mirror by OpenTofu’s own client, which is the build machine’s: no package of Debian has it. */
export const terraform: Client = {
  packages: [],
  async checks(subject) {
    const providers = providersOf(subject)
    const tofu = await onPath('tofu')
    if (tofu === undefined) {
      const why = 'Debian has no package of OpenTofu’s client, and there is no tofu on the PATH of this machine'
      return { checks: [], untried: [{ what: `terraform: ${subject.mirror.name}`, line: lineOf(subject), why }] }
    }
    const tofurc = await clientSettings('terraform/tofurc', subject.depot)
    const lock = listOf(subject)
    const locked = lock === undefined ? '' : await readFile(lock.file, 'utf8')
    return {
      checks: providers.map(({ address, version }): Check => {
        const isLocked = locked.includes(`provider "${address}" {`)
        const line = named(subject).find(({ item }) => item.split(/[=@]/)[0] === address)?.line ?? lock?.line ?? lineOf(subject)
        return {
          ...{ what: `terraform: ${address}@${version}`, line, on: 'workbench', programs: [tofu] },
          run: `TF_CLI_CONFIG_FILE=$PWD/tofurc TF_IN_AUTOMATION=1 tofu init -no-color ${isLocked ? '-lockfile=readonly' : ''}`,
          files: { tofurc, 'main.tf': configuration(address, version), ...(isLocked ? { '.terraform.lock.hcl': lockOf(locked, address) } : {}) },
        }
      }),
    }
  },
}

function providersOf({ tree }: Subject): { readonly address: string; readonly version: string }[] {
  return tree.flatMap(({ path }) => {
    const [, address = '', version = ''] = /^(?:[^/]+\/)*?([^/]+\/[^/]+\/[^/]+)\/(\d[^/]*)\.json$/.exec(path) ?? []
    return version === '' ? [] : [{ address, version }]
  })
}

function configuration(address: string, version: string): string {
  return `terraform {\n  required_providers {\n    tried = {\n      source  = "${address}"\n      version = "${version}"\n    }\n  }\n}\n`
}

/** Of a dependency lock file the block of one provider: the client takes others that are not asked for as a change. */
function lockOf(text: string, address: string): string {
  const start = text.indexOf(`provider "${address}" {`)
  return text.slice(start, text.indexOf('\n}\n', start) + 3)
}

/** Where a program of this machine lies. */
async function onPath(name: string): Promise<string | undefined> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const file = join(folder, name)
    if (folder !== '' && (await access(file, constants.X_OK).then(() => true, () => false))) return file
  }
  return undefined
}
