import { once } from 'node:events'
import { mkdir, realpath } from 'node:fs/promises'
import { createServer } from 'node:net'
import { fault } from '../codes.ts'
import { sha512 } from '../digest.ts'

/**
 * Runs `work` as the only one of this machine that writes to a store. The lock is a name in the kernel (unix(7), abstract
 * sockets): it goes with this process however that ends, so there is never a stale one to judge.
 * @throws E_STORE_BUSY at once when another holds it
 */
export async function alone<T>(store: string, work: () => Promise<T>): Promise<T> {
  await mkdir(store, { recursive: true })
  const path = await realpath(store)
  const holder = createServer((socket) => socket.destroy())
  try {
    const listening = once(holder, 'listening')
    holder.listen({ path: `\0sallyport-store-${sha512(Buffer.from(path)).slice(0, 32)}` })
    await listening
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    throw fault('E_STORE_BUSY', `another import into ${path} is running`)
  }
  try {
    return await work()
  } finally {
    holder.close()
    await once(holder, 'close')
  }
}
