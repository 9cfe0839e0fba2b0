import { EXIT, type CodeDoc } from './fault.ts'

/** What can be wrong with volumes, sets of them, and deltas. */
export const VOLUME_CODES = {
  E_MEDIA: {
    exit: EXIT.usage,
    title: 'The bundle cannot be written for this kind of media',
    meaning: 'There is no such kind of media, or the bundle does not go on volumes of this size and number.',
    next: 'sallyport pack --help',
  },
  E_VOLUME_ABSENT: {
    exit: EXIT.input,
    title: 'There is no volume at this path',
    meaning: 'The folder or archive does not exist, or holds no volume.json and no bundle.json.',
    next: 'Give the folder or archive that pack wrote, or the place where the disc is mounted.',
  },
  E_VOLUME_INVALID: {
    exit: EXIT.integrity,
    title: 'A volume is not what the format allows',
    meaning: 'A document of the volume breaks a rule, disagrees with another, or belongs to another set.',
    next: 'Report the listed faults to the publisher.',
  },
  E_VOLUMES_AWAITED: {
    exit: EXIT.interrupted,
    title: 'More volumes are needed',
    meaning: 'What the volumes held has been taken in and stays. The bundle is whole only after the volumes that are named.',
    next: 'Run the same command with the volumes that are named.',
  },
  E_STORE_BUSY: {
    exit: EXIT.interrupted,
    title: 'Another import into this store is running',
    meaning: 'One import at a time writes to a store. Nothing was done; the other one goes on. When a process that imports ends in any way, the store is free again.',
    next: 'Wait for the other import, then run the same command again.',
  },
  E_VOLUME_LOST: {
    exit: EXIT.integrity,
    title: 'Parts of a volume cannot be had',
    meaning:
      'Files of the volume are missing, do not read, or read with other bytes. Everything else on it was taken in and stays. ' +
      'A scanner or a desk may have taken files away; a disc may be scratched.',
    next: 'sallyport repair VOLUME -o FOLDER --policy FILE, then import that folder; or take the second set of media.',
  },
  E_REPAIR_LOST: {
    exit: EXIT.integrity,
    title: 'More is lost than parity can give back',
    meaning: 'The damage is larger than the parity of this volume, or no spare stands in for it, or others of its group are missing too.',
    next: 'Take the second set of media, or the spare volume: sallyport repair --lost NUMBER.',
  },
  E_INVENTORY: {
    exit: EXIT.input,
    title: 'An inventory of a site cannot be used',
    meaning: 'There is none at this path, it is not the page that `sallyport inventory` wrote, it is of another site, or the site holds more than one page says.',
    next: 'Ask the site for INVENTORY.TXT and the folder signatures/ as they were written, or pack without it.',
  },
  E_DELTA_BASE: {
    exit: EXIT.floor,
    title: 'The site does not hold the release that this set builds on',
    meaning: 'A set made with `pack --since` carries only what is new since the releases it names, each by its digest.',
    next: 'Import the release that is named first, or ask for a set without --since.',
  },
} as const satisfies Record<string, CodeDoc>
