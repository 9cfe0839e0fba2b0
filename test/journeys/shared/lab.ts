import { labDown, labList } from '../../../src/lab/lab.ts'

/** Every lab a test makes has a name that starts so: what a failed run left is found and taken down by the next. */
export const TEST_LAB_PREFIX = 'test-'

export async function takeDownTestLabs(): Promise<void> {
  for (const lab of await labList()) if (lab.name.startsWith(TEST_LAB_PREFIX)) await labDown(lab.name)
}
