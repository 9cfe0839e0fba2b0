import { labDown, labList } from '../../../src/lab/lab.ts'

/** Every lab a test makes has a name that starts so: what a failed run left is found and taken down by the next. */
export const TEST_LAB_PREFIX = 'test-'

export async function takeDownTestLabs(prefix = TEST_LAB_PREFIX): Promise<void> {
  for (const lab of await labList()) if (lab.name.startsWith(prefix)) await labDown(lab.name)
}
