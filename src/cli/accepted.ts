import { resolve } from 'node:path'
import type { Bundle } from '../bundle/bundle.ts'
import { readPolicy } from '../bundle/policy-file.ts'
import type { Policy } from '../bundle/policy.ts'
import { verifyBundle } from '../bundle/verify.ts'
import type { Context } from './command.ts'

/** Bundles that the policy accepts for import, every byte of each verified, before anything of them is shown. In the order given. */
export async function acceptedBundles(
  context: Context,
  directories: readonly string[],
  trust: { readonly policy: string; readonly digest: string | undefined },
): Promise<{ readonly policy: Policy; readonly bundles: readonly Bundle[] }> {
  const policy = await readPolicy(trust.policy, { digest: trust.digest })
  const bundles: Bundle[] = []
  await context.tasks(
    directories.map((directory) => ({
      title: `verify ${directory}`,
      async run(onProgress) {
        const now = new Date()
        bundles.push(await verifyBundle(resolve(context.cwd, directory), { policy, act: 'import', now, onProgress, signal: context.signal }))
      },
    })),
  )
  return { policy, bundles }
}
