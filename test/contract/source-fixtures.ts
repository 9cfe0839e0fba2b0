import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Everything here is made by the tools that people make such things with; nothing of ours touches it. */
const PERSON = { GIT_AUTHOR_NAME: 'A', GIT_AUTHOR_EMAIL: 'a@example.org', GIT_COMMITTER_NAME: 'A', GIT_COMMITTER_EMAIL: 'a@example.org' }
const ALONE = { ...process.env, ...PERSON, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' }

export async function git(folder: string, ...words: string[]): Promise<string> {
  const { stdout } = await run('git', ['-c', 'init.defaultBranch=main', ...words], { cwd: folder, env: ALONE })
  return stdout.trim()
}

/** `tools/`: a branch of two commits, an annotated tag on the first. */
export async function makeRepository(beside: string): Promise<void> {
  const folder = join(beside, 'tools')
  mkdirSync(folder, { recursive: true })
  await git(folder, 'init', '--quiet')
  writeFileSync(join(folder, 'greet'), '#!/bin/sh\necho hello from a repository\n', { mode: 0o755 })
  await git(folder, 'add', '.')
  await git(folder, 'commit', '--quiet', '-m', 'Greet')
  await git(folder, 'tag', '-a', '-m', 'First', 'v1.0')
  writeFileSync(join(folder, 'later'), 'later\n')
  await git(folder, 'add', '.')
  await git(folder, 'commit', '--quiet', '-m', 'Later')
}

/** `collections/words` and `collections/greeting`, which needs it. */
export function makeCollections(beside: string): void {
  collection(beside, 'words', '', {})
  const tasks = '- name: Greet\n  ansible.builtin.copy:\n    content: "{{ greeting_words }} from a collection\\n"\n    dest: "{{ greeting_file }}"\n    mode: "0644"\n'
  collection(beside, 'greeting', 'dependencies: {example.words: ">=1.0.0"}\n', {
    'roles/greet/tasks/main.yml': tasks,
    'roles/greet/defaults/main.yml': 'greeting_words: hello\ngreeting_file: /tmp/greeting\n',
  })
}

function collection(beside: string, name: string, more: string, files: Readonly<Record<string, string>>): void {
  const folder = join(beside, 'collections', name)
  const all = {
    'galaxy.yml': `namespace: example\nname: ${name}\nversion: 1.0.0\nreadme: README.md\nauthors: [A]\nlicense: [CC0-1.0]\n${more}`,
    'README.md': `# ${name}\n`,
    'meta/runtime.yml': 'requires_ansible: ">=2.14.0"\n',
    ...files,
  }
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(join(folder, path, '..'), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
}

const spec = (name: string, more: string, file: string, content: string): string => `Name: ${name}
Version: 1.0
Release: 1
Summary: Says hello
License: CC0-1.0
BuildArch: noarch
AutoReqProv: no
${more}
%description
Says hello.
%install
mkdir -p %{buildroot}/usr/bin
cat > %{buildroot}${file} <<'END'
${content}
END
chmod 755 %{buildroot}${file}
%files
${file}
`

/** `rpms/`: two signed packages, one of which needs the other, and a signed index; `rpms.asc` is the key. */
export async function makeRpms(beside: string): Promise<void> {
  const repository = join(beside, 'rpms')
  mkdirSync(repository, { recursive: true })
  // The agent's socket has to have a short path.
  const home = mkdtempSync('/tmp/rpm-keys-')
  const env = { ...process.env, GNUPGHOME: home, HOME: home }
  const build = join(beside, 'rpm-build')
  mkdirSync(build, { recursive: true })
  try {
    await run('gpg', ['--batch', '--quiet', '--pinentry-mode', 'loopback', '--passphrase', '', '--quick-gen-key', 'Packager <packager@example.org>', 'rsa3072', 'sign', 'never'], { env })
    writeFileSync(join(beside, 'rpms.asc'), (await run('gpg', ['--armor', '--export'], { env })).stdout)
    const specs = {
      greet: spec('greet', 'Requires: greet-words', '/usr/bin/greet-rpm', '#!/bin/sh\nexec /usr/bin/greet-rpm-words'),
      'greet-words': spec('greet-words', '', '/usr/bin/greet-rpm-words', '#!/bin/sh\necho hello from an rpm'),
    }
    for (const [name, text] of Object.entries(specs)) {
      writeFileSync(join(build, `${name}.spec`), text)
      await run('rpmbuild', ['-bb', '--quiet', '--define', `_topdir ${build}`, join(build, `${name}.spec`)], { env })
    }
    for (const name of readdirSync(join(build, 'RPMS/noarch'))) cpSync(join(build, 'RPMS/noarch', name), join(repository, name))
    const packages = readdirSync(repository).map((name) => join(repository, name))
    await run('rpmsign', ['--define', '_gpg_name packager@example.org', '--define', '__gpg /usr/bin/gpg', '--addsign', ...packages], { env })
    await run('createrepo_c', ['--quiet', '--no-database', repository])
    await run('gpg', ['--batch', '--armor', '--detach-sign', join(repository, 'repodata/repomd.xml')], { env })
  } finally {
    await run('gpgconf', ['--kill', 'all'], { env }).catch(() => undefined)
    rmSync(home, { recursive: true, force: true })
    rmSync(build, { recursive: true, force: true })
  }
}

/** `providers/terraform-provider-hello_1.0.0_linux_amd64.zip`: as a provider's publisher packs one. */
export async function makeProvider(beside: string): Promise<void> {
  const folder = join(beside, 'providers')
  mkdirSync(folder, { recursive: true })
  const program = join(folder, 'terraform-provider-hello_v1.0.0')
  if (!existsSync(program)) writeFileSync(program, '#!/bin/sh\necho hello from a provider\n', { mode: 0o755 })
  const pack = 'import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1], "w")\nz.write(sys.argv[2], "terraform-provider-hello_v1.0.0")\nz.close()\n'
  await run('python3', ['-c', pack, join(folder, 'terraform-provider-hello_1.0.0_linux_amd64.zip'), program])
}
