import type { Command } from './command.ts'
import { command as approve } from './approve.ts'
import { command as assess } from './assess.ts'
import { command as build } from './build.ts'
import { command as certificatesCrl } from './certificates-crl.ts'
import { command as certificatesImport } from './certificates-import.ts'
import { command as certificatesRenew } from './certificates-renew.ts'
import { command as certificatesRevoke } from './certificates-revoke.ts'
import { command as certificatesStatus } from './certificates-status.ts'
import { command as custodyRecord } from './custody-record.ts'
import { command as custodyShow } from './custody-show.ts'
import { command as custodyVerify } from './custody-verify.ts'
import { command as diff } from './diff.ts'
import { command as engine } from './engine.ts'
import { command as explain } from './explain.ts'
import { command as hostAdd } from './host-add.ts'
import { command as hostList } from './host-list.ts'
import { command as importVolumes } from './import.ts'
import { command as inspect } from './inspect.ts'
import { command as install } from './install.ts'
import { command as inventory } from './inventory.ts'
import { command as keysCard } from './keys-card.ts'
import { command as keysNew } from './keys-new.ts'
import { command as labDown } from './lab-down.ts'
import { command as labList } from './lab-list.ts'
import { command as labSsh } from './lab-ssh.ts'
import { command as labUp } from './lab-up.ts'
import { command as meshCatalog } from './mesh-catalog.ts'
import { command as meshPublish } from './mesh-publish.ts'
import { command as meshQuery } from './mesh-query.ts'
import { command as mirrorSync } from './mirror-sync.ts'
import { command as pack } from './pack.ts'
import { command as peopleEnrol } from './people-enrol.ts'
import { command as peopleHandOver } from './people-hand-over.ts'
import { command as peopleSeal } from './people-seal.ts'
import { command as plan } from './plan.ts'
import { command as policyNew } from './policy-new.ts'
import { command as policyNext } from './policy-next.ts'
import { command as policyShow } from './policy-show.ts'
import { command as policySign } from './policy-sign.ts'
import { command as rehearse } from './rehearse.ts'
import { command as report } from './report.ts'
import { command as repair } from './repair.ts'
import { command as rollback } from './rollback.ts'
import { command as sign } from './sign.ts'
import { command as siteInit } from './site-init.ts'
import { command as sitePolicy } from './site-policy.ts'
import { command as status } from './status.ts'
import { command as upgrade } from './upgrade.ts'
import { command as verify } from './verify.ts'

/** Every command, in the order of the overview: a test holds this list against the files of this folder. */
export const COMMANDS: readonly Command[] = [
  build,
  mirrorSync,
  keysNew,
  keysCard,
  policyNew,
  policyNext,
  policySign,
  policyShow,
  sign,
  verify,
  approve,
  inspect,
  diff,
  report,
  rehearse,
  pack,
  importVolumes,
  repair,
  inventory,
  custodyRecord,
  custodyShow,
  custodyVerify,
  labUp,
  labList,
  labSsh,
  labDown,
  siteInit,
  sitePolicy,
  hostAdd,
  hostList,
  plan,
  install,
  upgrade,
  rollback,
  status,
  assess,
  certificatesStatus,
  certificatesImport,
  certificatesRenew,
  certificatesCrl,
  certificatesRevoke,
  peopleEnrol,
  peopleHandOver,
  peopleSeal,
  meshPublish,
  meshCatalog,
  meshQuery,
  engine,
  explain,
]
