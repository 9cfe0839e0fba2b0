import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cacheFolder } from '../../src/bundle/cache.ts'

const run = promisify(execFile)
const MINUTES_20 = 20 * 60_000

/** Go modules that are compiled here, since no registry that this machine reaches has the programs. */
const MODULES = {
  tofu: {
    get: 'github.com/opentofu/opentofu/cmd/tofu@v1.12.6',
    package: 'github.com/opentofu/opentofu/cmd/tofu',
    // OpenTofu's own go.mod says so, and `go get` does not follow what a dependency replaces.
    replace: 'github.com/hashicorp/hcl/v2@v2.20.1=github.com/opentofu/hcl/v2@v2.20.2-0.20251021132045-587d123c2828',
  },
  'terraform-provider-local': {
    get: 'github.com/terraform-providers/terraform-provider-local@v1.4.1-0.20260513075820-3561e410f9fe',
    package: 'github.com/terraform-providers/terraform-provider-local',
    replace: undefined,
  },
} as const

export type GoProgram = keyof typeof MODULES

/** Version under which the provider is published here; the module has no version of its own. */
export const PROVIDER = { version: '2.5.0', file: 'terraform-provider-local_2.5.0_linux_amd64.zip' } as const

/** OpenTofu's client, or a provider for it: compiled once a machine. Answers its path. */
export async function goProgram(name: GoProgram, say: (line: string) => void): Promise<string> {
  const { get, package: from, replace } = MODULES[name]
  const folder = join(cacheFolder(process.env), 'programs', get.split('@')[1] ?? '')
  const program = join(folder, name)
  if (await stat(program).catch(() => undefined)) return program
  const started = performance.now()
  const scratch = await mkdtemp(join(tmpdir(), `${name}-`))
  try {
    const options = { cwd: scratch, env: { ...process.env, GOFLAGS: '-modcacherw', CGO_ENABLED: '0' }, timeout: MINUTES_20, maxBuffer: 64 << 20 }
    const go = (...words: readonly string[]): Promise<unknown> => run('go', words, options)
    await go('mod', 'init', 'example.org/program')
    if (replace !== undefined) await go('mod', 'edit', '-replace', replace)
    await go('get', get)
    await go('build', '-trimpath', '-ldflags=-s -w', '-o', name, from)
    await mkdir(folder, { recursive: true })
    await rename(join(scratch, name), `${program}.part`).catch(async () => run('cp', [join(scratch, name), `${program}.part`]))
    await rename(`${program}.part`, program)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
  say(`${name} compiled in ${((performance.now() - started) / 1000).toFixed(0)} s`)
  return program
}

/** The provider as its publisher packs it, in `folder`. Answers the archive's path. */
export async function packedProvider(folder: string, say: (line: string) => void): Promise<string> {
  const program = await goProgram('terraform-provider-local', say)
  const archive = join(folder, PROVIDER.file)
  const pack = 'import sys, zipfile\ni = zipfile.ZipInfo(sys.argv[3]); i.external_attr = 0o755 << 16; i.compress_type = zipfile.ZIP_DEFLATED\nz = zipfile.ZipFile(sys.argv[1], "w"); z.writestr(i, open(sys.argv[2], "rb").read()); z.writestr("README.md", "A provider for local files.\\n"); z.close()\n'
  await mkdir(folder, { recursive: true })
  await run('python3', ['-c', pack, archive, program, `terraform-provider-local_v${PROVIDER.version}`])
  return archive
}

/** A configuration that needs the provider and writes `greeting` with it. */
export function configuration(address: string): string {
  return `terraform {
  required_providers {
    local = {
      source  = "${address}"
      version = "${PROVIDER.version}"
    }
  }
}

resource "local_file" "greeting" {
  content  = "hello from a provider\\n"
  filename = "\${path.module}/greeting"
}
`
}

/** `.terraform.lock.hcl` of that configuration, as the client itself writes it from a folder of archives. */
export async function lockFile(folder: string, address: string, archive: string, tofu: string): Promise<string> {
  const place = await mkdtemp(join(tmpdir(), 'tofu-lock-'))
  try {
    const mirror = join(place, 'mirror', address)
    await mkdir(mirror, { recursive: true })
    await run('cp', [archive, mirror])
    await writeFile(join(place, 'main.tf'), configuration(address))
    await run(tofu, ['providers', 'lock', `-fs-mirror=${join(place, 'mirror')}`, '-platform=linux_amd64'], { cwd: place, env: { ...process.env, CHECKPOINT_DISABLE: '1' } })
    await mkdir(folder, { recursive: true })
    const lock = join(folder, '.terraform.lock.hcl')
    await rename(join(place, '.terraform.lock.hcl'), lock).catch(async () => run('cp', [join(place, '.terraform.lock.hcl'), lock]))
    await chmod(lock, 0o644)
    return lock
  } finally {
    await rm(place, { recursive: true, force: true })
  }
}
