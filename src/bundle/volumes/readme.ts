import { MLDSA87_CHECK, P384_CHECK } from '../commands.ts'
import type { VolumeListing } from './listing.ts'

const ofVolume = (command: string): string => command.replace('bundle.json', 'volume.json')

/** README.TXT of a volume, with line ends that every desk shows as lines. It names no key, as that of a bundle. */
export function volumeReadme(listing: VolumeListing, marking: string, bases: readonly string[]): string {
  const { bundle, volume, volumes, spares, covers, packs } = listing
  const title = `${bundle.name} ${bundle.version} (${bundle.kind}, sequence ${bundle.sequence}), volume ${volume} of ${volumes + spares}`
  const lines = [
    `SALLYPORT VOLUME    ${title}`,
    `MARKING             ${marking}`,
    covers.length > 0
      ? `THIS IS A SPARE     It stands in for one of the volumes ${covers.join(', ')} when that is lost. It adds no content.`
      : `THE WHOLE SET       Volumes 1 to ${volumes}, in any order.${spares > 0 ? ` Volumes from ${volumes + 1} on are spares.` : ''}`,
    ...(bases.length > 0 ? [`NEEDS               The site must hold ${bases.join(', ')}: this set carries only what is new.`] : []),
    `ON IT               ${packs.map(({ path }) => path).join(' ')}`,
    '                    contents.json (what the set holds), bundle/ (the signed statement of the bundle),',
    '                    volume.json and SHA512SUMS (what is on this volume), signatures/',
    '',
    'TO CHECK THAT THE VOLUME READS AS IT WAS WRITTEN, in its folder, with what the desk has; compare with SHA512SUMS:',
    '  Linux        sha512sum -c SHA512SUMS',
    `  Windows      certutil -hashfile ${packs[0]?.path ?? 'contents.json'} SHA512      or each file at once, in PowerShell:`,
    '               Get-Content SHA512SUMS | ForEach-Object { $d,$f = $_ -split "  ",2;',
    '                 if ((Get-FileHash -Algorithm SHA512 -LiteralPath $f).Hash -ne $d) { "WRONG: $f" } }',
    '',
    'TO CHECK WHO MADE IT, after K=FOLDER (your own copy of the public keys) and KEY=ID (the key id on the key card):',
    `  ${ofVolume(P384_CHECK)}`,
    `  ${ofVolume(MLDSA87_CHECK)}`,
    'volume.json names the sha512 of each file. Keys and these commands come with the key card: whoever can change the',
    'volume can change this text.',
    '',
    'TO TAKE IT IN:   sallyport import THIS-FOLDER --store FOLDER --policy YOUR-TRUST-POLICY.json',
    '                 Any order, any day; it says which volumes are still missing. The medium is only read.',
    'IF IT DOES NOT READ:   sallyport repair THIS-FOLDER -o FOLDER --policy YOUR-TRUST-POLICY.json',
    ...(listing.files.some(({ path }) => path.startsWith('repair/')) ? ['                       or without Sallyport: repair/README.TXT'] : []),
  ]
  return `${lines.join('\r\n')}\r\n`
}
