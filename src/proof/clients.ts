import { readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { MirrorPlan } from '../connected/definition/definition.ts'
import { reference } from '../connected/sources/git/reference.ts'
import { quoted, type Check } from './check.ts'
import { clientSettings } from './client-settings.ts'
import { lineOf, linesOf, listOf, named, type Checks, type Client, type Subject } from './subject.ts'
import { terraform } from './terraform.ts'

/** Each item by itself, and the list as a whole. */
async function itemsAndList(
  subject: Subject,
  files: Readonly<Record<string, string>>,
  one: (item: string) => { readonly run: string; readonly files?: Readonly<Record<string, string>> },
  list: { readonly beside: readonly string[]; readonly run: string },
): Promise<Checks> {
  const { ecosystem, name } = subject.mirror
  const checks: Check[] = named(subject).map(({ item, line }) => {
    const { run, files: more = {} } = one(item)
    return { what: `${ecosystem}: ${item}`, line, on: 'workbench', run, files: { ...files, ...more } }
  })
  const found = listOf(subject)
  if (found !== undefined) {
    const texts: [string, string][] = []
    for (const path of [basename(found.file), ...list.beside]) {
      const text = await readFile(join(dirname(found.file), path), 'utf8').catch(() => undefined)
      if (text !== undefined) texts.push([path, text])
    }
    checks.push({ what: `${ecosystem}: ${subject.mirror.written.list ?? name}`, line: found.line, on: 'workbench', run: list.run, files: { ...files, ...Object.fromEntries(texts) } })
  }
  return { checks }
}

const GO = 'export $(cat go.env) GOMODCACHE=$PWD/modules GOFLAGS=-modcacherw GOCACHE=$PWD/cache GOWORK=off'
const PIP = 'export PIP_CONFIG_FILE=$PWD/pip.conf; python3 -m pip install --quiet --no-input --no-cache-dir --target site'
const DEPENDENCY = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1'

/** By ecosystem: its own client, with the settings that mirrors/ has for it. A test holds this list against that of the definition. */
export const CLIENTS: Readonly<Record<MirrorPlan['ecosystem'], Client>> = {
  apt: {
    packages: [],
    async checks(subject) {
      return {
        checks: [...named(subject), ...(await linesOf(subject))].map(({ item, line }) => ({
          ...{ what: `apt: ${item}`, line, on: 'target' as const },
          run: `export DEBIAN_FRONTEND=noninteractive; apt-get -q -y --no-install-recommends -o Dpkg::Options::=--force-confold install ${quoted(item)}`,
        })),
      }
    },
  },
  npm: {
    packages: ['npm'],
    async checks(subject) {
      const npmrc = `${await clientSettings('npm/npmrc', subject.depot)}cache=./cache\nfetch-retries=0\n`
      return itemsAndList(
        subject,
        { '.npmrc': npmrc },
        (item) => ({ run: `npm install --no-progress --foreground-scripts ${quoted(item)}`, files: { 'package.json': '{"private":true}\n' } }),
        { beside: ['package.json'], run: 'npm ci --no-progress --foreground-scripts' },
      )
    },
  },
  pypi: {
    packages: ['python3-pip'],
    async checks(subject) {
      const files = { 'pip.conf': await clientSettings('pypi/pip.conf', subject.depot) }
      const list = basename(subject.mirror.written.list ?? '')
      return itemsAndList(subject, files, (item) => ({ run: `${PIP} ${quoted(item)}` }), { beside: [], run: `${PIP} --require-hashes -r ${quoted(list)}` })
    },
  },
  go: {
    packages: ['golang-go'],
    async checks(subject) {
      const files = { 'go.env': await clientSettings('go/go.env', subject.depot) }
      const run = `${GO}; go mod download all`
      const project = (item: string): string => `module proof.invalid/proof\n\ngo 1.21\n\nrequire ${item.replace(/@(?=[^@]*$)/, ' ')}\n`
      return itemsAndList(subject, files, (item) => ({ run, files: { 'go.mod': project(item) } }), { beside: ['go.sum'], run })
    },
  },
  maven: {
    packages: ['default-jdk-headless', 'maven'],
    async checks(subject) {
      const files = { 'settings.xml': await clientSettings('maven/settings.xml', subject.depot) }
      const list = basename(subject.mirror.written.list ?? '')
      const mvn = 'mvn -q -B -s settings.xml -Dmaven.repo.local=$PWD/repository'
      const { checks } = await itemsAndList(subject, files, () => ({ run: '' }), { beside: [], run: `${mvn} -f ${quoted(list)} ${DEPENDENCY}:go-offline` })
      return {
        checks: checks.filter(({ run }) => run !== ''),
        untried: named(subject).map(({ item, line }) => ({ what: `maven: ${item}`, line, why: 'Maven fetches an artifact that is named alone only through a plugin, which its mirror does not carry; name a pom.xml as list' })),
      }
    },
  },
  terraform,
  galaxy: {
    packages: ['ansible-core'],
    async checks(subject) {
      const files = { 'ansible.cfg': await clientSettings('galaxy/ansible.cfg', subject.depot) }
      const lines = [...named(subject), ...(listOf(subject) === undefined ? [] : [{ item: '', line: listOf(subject)?.line ?? '' }])]
      const versions = subject.tree.flatMap(({ path }) => {
        const [, namespace = '', name = '', version = ''] = /\/collections\/(?:index\/)?([^/]+)\/([^/]+)\/versions\/([^/]+)\/index\.json$/.exec(path) ?? []
        return version === '' ? [] : [{ name: `${namespace}.${name}`, last: name, version }]
      })
      return {
        checks: versions.map(({ name, last, version }) => ({
          what: `galaxy: ${name}:${version}`,
          line: (lines.find(({ item }) => item.startsWith(name) || basename(item) === last) ?? lines[0])?.line ?? lineOf(subject),
          on: 'workbench' as const,
          // The client keeps answers of a server for a day.
          run: `export ANSIBLE_CONFIG=$PWD/ansible.cfg ANSIBLE_GALAXY_CACHE_DIR=$PWD/cache LC_ALL=C.UTF-8; ansible-galaxy collection install ${quoted(`${name}:==${version}`)} -p installed`,
          files,
        })),
      }
    },
  },
  git: {
    packages: ['git'],
    async checks(subject) {
      return {
        checks: named(subject).flatMap(({ item, line }) => {
          const { folder, ref } = reference(item) ?? {}
          if (folder === undefined || ref === undefined) return []
          const revision = ['refs/tags/', 'refs/remotes/origin/', ''].map((start) => `git rev-parse --verify --quiet ${quoted(`${start}${ref}^{commit}`)}`).join(' || ')
          return [{ what: `git: ${item}`, line, on: 'workbench' as const, run: `git -c transfer.fsckObjects=true clone --quiet --no-checkout https://${subject.depot}/git/${folder} work && cd work && git checkout --quiet --detach "$(${revision})" && git status --short` }]
        }),
      }
    },
  },
  rpm: {
    packages: ['dnf', 'rpm'],
    async checks(subject) {
      const { mirror, depot } = subject
      const key = basename(mirror.written.repository?.keys[0] ?? '')
      const repository = (await clientSettings('rpm/sallyport.repo', depot)).replaceAll('NAME', mirror.name).replaceAll('repo-key.asc', key)
      return {
        checks: [...named(subject), ...(await linesOf(subject))].map(({ item, line }) => ({
          ...{ what: `rpm: ${item}`, line, on: 'workbench' as const, files: { 'repos/sallyport.repo': repository } },
          run: `dnf -y --installroot=$PWD/root --releasever=13 --setopt=reposdir=$PWD/repos --setopt=cachedir=$PWD/cache --setopt=logdir=$PWD install ${quoted(item)}`,
        })),
      }
    },
  },
  file: {
    packages: ['curl'],
    checks: (subject) => {
      const at = subject.definition.mirrors.indexOf(subject.mirror)
      return Promise.resolve({
        checks: (subject.mirror.written.files ?? []).map(({ path }, index) => ({
          ...{ what: `file: ${path}`, line: subject.definition.placeOf('mirrors', at, 'files', index), on: 'workbench' as const },
          run: `curl --fail --silent --show-error --output file ${quoted(`https://${subject.depot}/files/${encodeURI(path)}`)} && sha256sum --check --strict SHA256SUMS`,
          files: { SHA256SUMS: `${subject.tree.find((entry) => entry.path === path)?.sha256 ?? ''}  file\n` },
        })),
      })
    },
  },
}
