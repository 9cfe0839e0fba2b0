import { hostPaths } from '../paths.ts'
import type { Connection } from '../remote/connection.ts'
import { readSecret, type Secret } from '../site/secrets.ts'

/** Puts the site's secrets on the hosts that need them: by standard input, whole or not at all, for root alone. */
export async function handOver(connections: readonly Connection[], secrets: readonly Secret[]): Promise<string> {
  const folder = hostPaths().secrets
  let sent = 0
  for (const secret of secrets) {
    const input = await readSecret(secret)
    for (const connection of connections) {
      if (secret.role !== undefined && !connection.host.roles.includes(secret.role)) continue
      const target = `${folder}/${secret.name}`
      await connection.must(`umask 077 && mkdir -p ${folder} && cat > ${target}.new && sync ${target}.new && mv -fT ${target}.new ${target}`, { input })
      sent += 1
    }
  }
  return `${sent} sent`
}
