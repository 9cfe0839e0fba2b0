import { aptSource } from './apt/index.ts'
import { fileSource } from './file/index.ts'
import { galaxySource } from './galaxy/index.ts'
import { gitSource } from './git/index.ts'
import { goSource } from './go/index.ts'
import { mavenSource } from './maven/index.ts'
import { npmSource } from './npm/index.ts'
import { ociSource } from './oci/index.ts'
import { pypiSource } from './pypi/index.ts'
import { rpmSource } from './rpm/index.ts'
import type { Source, SourceContext, SourceKind } from './source.ts'
import { terraformSource } from './terraform/index.ts'

/** Every source kind and its maker; a test holds this map against the folders. */
export const SOURCES = {
  apt: aptSource,
  npm: npmSource,
  pypi: pypiSource,
  maven: mavenSource,
  go: goSource,
  terraform: terraformSource,
  galaxy: galaxySource,
  git: gitSource,
  rpm: rpmSource,
  file: fileSource,
  oci: ociSource,
} as const satisfies Record<SourceKind, (context: SourceContext) => Source>
