import { EXIT, type CodeDoc } from './fault.ts'

const REFUSE = 'Do not use the bundle. Copy it again from its source, or take the second set of media.'

/** What can be wrong with the bytes of a bundle or a content store. */
export const BYTES_CODES = {
  E_BUNDLE_ABSENT: {
    exit: EXIT.input,
    title: 'There is no bundle at this path',
    meaning: 'The folder has no readable bundle.json, or the path is not a folder.',
    next: 'Give the folder that holds bundle.json.',
  },
  E_BUNDLE_EXISTS: {
    exit: EXIT.input,
    title: 'The target of the bundle exists already',
    meaning: 'A bundle is written to a new folder only, so that no file of an older one stays inside.',
    next: 'Choose another folder with -o, or remove the old one.',
  },
  E_DISK_FULL: {
    exit: EXIT.machine,
    title: 'The disk is full',
    meaning: 'There is not enough room for what is written; what was begun has been removed.',
    next: 'Free the room that is named, then run the same command again.',
  },
  E_FILE_UNREADABLE: {
    exit: EXIT.machine,
    title: 'A file could not be read or written',
    meaning: 'The operating system refused, or the medium is damaged.',
    next: 'Check the permissions; for a medium that gives read errors, take the second copy.',
  },
  E_TOO_LARGE: {
    exit: EXIT.integrity,
    title: 'A document is larger than a reader takes',
    meaning: 'Every document of the format has a greatest size, so that a hostile medium cannot fill memory.',
    next: REFUSE,
  },
  E_JSON_STRICT: {
    exit: EXIT.integrity,
    title: 'A document is not strict JSON',
    meaning:
      'A document of the format has to be the same bytes after parsing and writing it again. Duplicate members, ' +
      'trailing bytes or another spelling could let two programs see two documents in the same bytes.',
    next: 'Do not use the document. Ask its publisher for one written by Sallyport.',
  },
  E_FORMAT_UNKNOWN: {
    exit: EXIT.integrity,
    title: 'The document has an unknown type or format version',
    meaning: 'It is some other document, or was written by a later program whose rules this one does not know.',
    next: 'Use the Sallyport that came with the bundle, after checking it with the commands of the key card.',
  },
  E_CRITICAL_UNKNOWN: {
    exit: EXIT.integrity,
    title: 'The document needs something this program does not understand',
    meaning: '`critical` names members that a reader has to understand or refuse the document.',
    next: 'Use the Sallyport that came with the bundle, after checking it with the commands of the key card.',
  },
  E_STATEMENT_INVALID: {
    exit: EXIT.integrity,
    title: 'bundle.json is not a valid statement',
    meaning: 'It was signed, but members are missing, unknown or out of their range: a defect where it was built.',
    next: 'Report the listed faults to the publisher.',
  },
  E_TREE_INVALID: {
    exit: EXIT.integrity,
    title: 'A tree of paths is not valid',
    meaning:
      'Paths have to be relative, normalised, free of invisible characters, in order, and apart from each other also ' +
      'where letter case or Unicode form does not count.',
    next: 'Rename the listed files where the bundle is built.',
  },
  E_SUMS_INVALID: {
    exit: EXIT.integrity,
    title: 'SHA512SUMS is not a valid list',
    meaning: 'Its digest is the signed one, but lines are malformed: a defect where the bundle was built.',
    next: 'Report the listed faults to the publisher.',
  },
  E_SUMS_CHANGED: {
    exit: EXIT.integrity,
    title: 'SHA512SUMS is not the one that was signed',
    meaning:
      'bundle.json names the digest of SHA512SUMS. When it differs, the list was damaged or written anew, perhaps ' +
      'together with the content it lists.',
    next: REFUSE,
  },
  E_FILE_MISSING: {
    exit: EXIT.integrity,
    title: 'A file of the bundle is missing',
    meaning: 'SHA512SUMS lists a file that is not there.',
    next: REFUSE,
  },
  E_FILE_EXTRA: {
    exit: EXIT.integrity,
    title: 'The bundle holds a file that no list names',
    meaning: 'Everything that crosses is listed. A file or folder more was put there after signing.',
    next: 'Find out who added it. Do not remove it and go on.',
  },
  E_FILE_KIND: {
    exit: EXIT.integrity,
    title: 'The bundle holds something other than files and folders',
    meaning: 'Symbolic links, devices, sockets and pipes do not cross: they can lead a reader elsewhere.',
    next: REFUSE,
  },
  E_FILE_TRUNCATED: {
    exit: EXIT.integrity,
    title: 'A file is shorter than it should be',
    meaning: 'The copy was probably interrupted, or the medium is damaged.',
    next: REFUSE,
  },
  E_FILE_GROWN: {
    exit: EXIT.integrity,
    title: 'A file is longer than it should be',
    meaning: 'Bytes were added after signing.',
    next: REFUSE,
  },
  E_FILE_SWAPPED: {
    exit: EXIT.integrity,
    title: 'A file holds the content of another file of the bundle',
    meaning: 'The bytes are known but stand under a wrong name: files were exchanged or copied over each other.',
    next: REFUSE,
  },
  E_FILE_ALTERED: {
    exit: EXIT.integrity,
    title: 'The bytes of a file are not the ones that were signed',
    meaning: 'The size is right or unknown, the digest is not: a flipped bit or a change.',
    next: REFUSE,
  },
  E_APPROVAL_INVALID: {
    exit: EXIT.integrity,
    title: 'An approval is not valid',
    meaning: 'It was signed, but members are missing or out of their range: a defect where it was made.',
    next: 'Ask the accreditor for a new one: sallyport approve BUNDLE --plan FILE --key DIR',
  },
  E_CONTENTS_MISMATCH: {
    exit: EXIT.integrity,
    title: 'The list of blobs does not fit SHA512SUMS',
    meaning: 'Both were signed together, but they disagree: a defect where the bundle was built.',
    next: 'Report the listed faults to the publisher.',
  },
  E_REFERENCE_ABSENT: {
    exit: EXIT.integrity,
    title: 'A tree or image refers to a blob that the bundle does not hold',
    meaning: 'The bundle is not complete: a defect where it was built.',
    next: 'Report the listed faults to the publisher.',
  },
  E_BLOB_UNREFERENCED: {
    exit: EXIT.integrity,
    title: 'The bundle holds a blob that nothing refers to',
    meaning: 'Everything that crosses belongs to an image or a tree, so that it can be reviewed under its name.',
    next: 'Report the listed faults to the publisher.',
  },
  E_MANIFEST_INVALID: {
    exit: EXIT.integrity,
    title: 'An image manifest or index.json cannot be used',
    meaning: 'It is not an OCI manifest, names what cannot be followed, or does not fit bundle.json.',
    next: 'Report the listed faults to the publisher.',
  },
  E_STORE_DIGEST: {
    exit: EXIT.integrity,
    title: 'Bytes are not what they were announced to be',
    meaning: 'What was about to enter the content store has another digest or size than expected; it was not kept.',
    next: 'Fetch it again; when it stays so, find out why its source changed.',
  },
  E_STORE_ABSENT: {
    exit: EXIT.integrity,
    title: 'The content store does not hold a blob',
    meaning: 'It was never fetched, was removed, or was damaged and therefore set aside.',
    next: 'Run the build with network access so that it is fetched again.',
  },
} as const satisfies Record<string, CodeDoc>
