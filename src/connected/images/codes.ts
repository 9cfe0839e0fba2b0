import { EXIT, faultsOf, type CodeDoc } from '../../bundle/fault.ts'

/** Everything that can be wrong with an image recipe or its making. */
export const CODES = {
  E_RECIPE_INVALID: {
    exit: EXIT.input,
    title: 'An image recipe is not valid',
    meaning: 'The YAML file of an image, one it extends, or a file it names is missing or not as the recipe format asks.',
    next: 'Correct every line that is named, then run the build again.',
  },
  E_IMAGE_ARCHIVE: {
    exit: EXIT.upstream,
    title: 'A package or archive of an image cannot be read',
    meaning: 'A .deb, tar or zip file is damaged, of an unknown kind, or holds a path or an entry that an image may not have.',
    next: 'Run the build with --update to fetch it again; if it stays so, name another version in the recipe.',
  },
  E_IMAGE_CONFLICT: {
    exit: EXIT.input,
    title: 'Two parts of an image claim the same path',
    meaning: 'A path is a directory for one part of the image and a file for another.',
    next: 'Change the `to` or `path` in the recipe, or skip the path with `skip`.',
  },
  E_IMAGE_LIBRARY: {
    exit: EXIT.input,
    title: 'Programs of an image lack shared libraries',
    meaning:
      'A package that the recipe leaves out with `without`, or a file it skips, is needed by a program that is in the image: it would not start.',
    next: 'Keep the package in, skip the program too, or name it under `incomplete` when nothing ever loads it.',
  },
  E_IMAGE_USER: {
    exit: EXIT.input,
    title: 'A user of an image clashes with another one',
    meaning: 'The name or number of a user or group is already taken by a layer below with another meaning.',
    next: 'Choose another name or number in the recipe.',
  },
  E_IMAGE_PROGRAM: {
    exit: EXIT.input,
    title: 'The program of an image cannot be bundled',
    meaning: 'esbuild refused the source: a syntax error, or an import that does not resolve.',
    next: 'Correct the source at the place named, then run the build again.',
  },
  E_IMAGE_RUN: {
    exit: EXIT.input,
    title: 'A command of an image recipe failed',
    meaning: 'A `run` command, executed inside the image without network, ended with an error.',
    next: 'Read its last lines above, correct the recipe, then run the build again.',
  },
  E_IMAGE_RUN_ROOT: {
    exit: EXIT.machine,
    title: 'Root is needed to run commands inside an image',
    meaning: 'The recipe has `run` steps, which need a chroot and private namespaces. Recipes without them build as any user.',
    next: 'Run the build as root.',
  },
  E_IMAGE_PINNED: {
    exit: EXIT.integrity,
    title: 'A layer that cannot be made twice is missing',
    meaning:
      'The lock pins the result of `run` steps, because running them again gives other bytes, but the content store no longer has it.',
    next: 'Restore the content store the lock was made with, or run the build with --update to pin a new result.',
  },
  E_INSTALLER: {
    exit: EXIT.machine,
    title: 'The installer executable cannot be made',
    meaning: 'Bundling the program or putting it into the Node executable failed.',
    next: 'Run npm ci, then the build again.',
  },
} as const satisfies Record<string, CodeDoc>

export const fault = faultsOf(CODES)
