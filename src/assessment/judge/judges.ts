import type { Judge } from './subject.ts'
import { backupsFresh, clocksAgree, depotAlone, keysGuarded, noDrift } from './care.ts'
import { deniesByDefault, sameAsMade } from './filter.ts'
import { onlyDeclared, plainOnLoopback } from './ports.ts'
import { noPrivileges, ownAccounts, readOnlyRoot, signedImages, unitsRun } from './services.ts'
import { keysAlone, operatorAlone } from './ssh.ts'
import { auditProven, certificatesGood, custodyWhole, listsInForce, programSigned, releaseSigned, servedAsSigned } from './trust.ts'

/** Who judges each rule of the benchmark: a test holds both against each other. */
export const JUDGES: Readonly<Record<string, Judge>> = {
  'SLP-010': onlyDeclared,
  'SLP-020': plainOnLoopback,
  'SLP-030': sameAsMade,
  'SLP-040': deniesByDefault,
  'SLP-050': ownAccounts,
  'SLP-060': noPrivileges,
  'SLP-070': readOnlyRoot,
  'SLP-080': signedImages,
  'SLP-090': unitsRun,
  'SLP-100': releaseSigned,
  'SLP-110': servedAsSigned,
  'SLP-120': programSigned,
  'SLP-130': noDrift,
  'SLP-140': certificatesGood,
  'SLP-150': listsInForce,
  'SLP-160': keysGuarded,
  'SLP-170': keysAlone,
  'SLP-180': operatorAlone,
  'SLP-190': auditProven,
  'SLP-200': custodyWhole,
  'SLP-210': backupsFresh,
  'SLP-220': clocksAgree,
  'SLP-230': depotAlone,
}
