import type { ContentStore } from '../../../bundle/store.ts'
import type { LockedItem, TreeFile } from '../source.ts'

const page = (title: string, lines: readonly string[]): Buffer =>
  Buffer.from(
    `<!DOCTYPE html>\n<html>\n<head><meta name="pypi:repository-version" content="1.0"><title>${title}</title></head>\n<body>\n${lines.join('\n')}\n</body>\n</html>\n`,
  )

const link = (href: string, text: string): string => `<a href="${href}">${text}</a><br>`

/**
 * A simple index (PEP 503) with relative links, so that it works under any address: `simple/NAME/index.html` lists the
 * wheels of `files/` with their sha256, which pip checks.
 */
export async function simpleIndex(items: readonly LockedItem[], store: ContentStore): Promise<TreeFile[]> {
  const files: TreeFile[] = items.map(({ path, sha256, sha512, size }) => ({ path, sha256, sha512, size }))
  const projects = [...Map.groupBy(items, (item) => item.name)].sort(([a], [b]) => (a < b ? -1 : 1))
  for (const [name, wheels] of projects) {
    const lines = wheels.map((item) => {
      const file = item.path.slice('files/'.length)
      return link(`../../files/${encodeURIComponent(file)}#sha256=${item.sha256}`, file)
    })
    files.push({ path: `simple/${name}/index.html`, ...(await store.put(page(name, lines.sort()))) })
  }
  const all = projects.map(([name]) => link(`${name}/`, name))
  files.push({ path: 'simple/index.html', ...(await store.put(page('Simple index', all))) })
  return files
}
