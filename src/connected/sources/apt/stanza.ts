/** One paragraph of a Debian control file or index: field → value, continuation lines joined by newlines. */
export type Stanza = ReadonlyMap<string, string>

/** Paragraphs of a Packages index or of `apt-cache show` (Debian Policy 5.1). Field names in lower case. */
export function parseStanzas(text: string): Stanza[] {
  return text
    .split(/\n{2,}/)
    .filter((paragraph) => paragraph.trim() !== '')
    .map((paragraph) => {
      const fields = new Map<string, string>()
      let last = ''
      for (const line of paragraph.split('\n')) {
        if (/^[ \t]/.test(line)) fields.set(last, `${fields.get(last) ?? ''}\n${line.slice(1)}`)
        else {
          const colon = line.indexOf(':')
          if (colon < 1) continue
          last = line.slice(0, colon).toLowerCase()
          fields.set(last, line.slice(colon + 1).trim())
        }
      }
      return fields
    })
}

/** sha256 and size of one file of a Release file's SHA256 list, `main/binary-amd64/Packages.xz`. */
export function listedDigest(
  release: string,
  file: string,
): { readonly sha256: string; readonly size: number } | undefined {
  const list = parseStanzas(release.replaceAll(/\n-----BEGIN PGP SIGNATURE[\s\S]*$/g, '\n')).find((stanza) =>
    stanza.has('sha256'),
  )
  for (const line of list?.get('sha256')?.split('\n') ?? []) {
    const [sha256, size, name] = line.trim().split(/\s+/)
    if (name === file && sha256 !== undefined && size !== undefined) return { sha256, size: Number(size) }
  }
  return undefined
}
