import { execa } from 'execa'
import { spdxOfDebian } from '../../evidence/licence.ts'
import { parseStanzas } from '../sources/apt/stanza.ts'
import { tarMember } from './members.ts'

/** Licences of a Debian package, from the copyright file in it. */
export async function debianLicences(deb: string): Promise<string[]> {
  const reading = execa('dpkg-deb', ['--fsys-tarfile', deb], {
    reject: false,
    buffer: false,
    stderr: 'ignore',
    env: { LC_ALL: 'C.UTF-8' },
  })
  try {
    const text = await tarMember(reading.stdout, (path) => /^\.?\/?usr\/share\/doc\/[^/]+\/copyright$/.test(path))
    return text === undefined ? [] : licencesOfCopyright(text)
  } finally {
    reading.kill()
    await reading
  }
}

/** Short names of a debian/copyright in Debian's machine-readable format 1.0; nothing for any other, which is prose. */
export function licencesOfCopyright(text: string): string[] {
  const [header, ...rest] = parseStanzas(text)
  if (!/copyright-format/.test(header?.get('format') ?? '')) return []
  const used = [header, ...rest.filter((stanza) => stanza.has('files'))]
  const names = used.flatMap((stanza) => stanza?.get('license')?.split('\n')[0]?.trim() ?? [])
  return [...new Set(names.filter((name) => name !== '').map(spdxOfDebian))].sort()
}
