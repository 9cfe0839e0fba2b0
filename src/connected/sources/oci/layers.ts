import { createReadStream, createWriteStream } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { atMost, INFLATED } from '../../images/archive.ts'
import { readTar } from '../../images/tar-read.ts'

const GZIP = Buffer.from([0x1f, 0x8b])
const ZSTD = Buffer.from([0x28, 0xb5, 0x2f, 0xfd])

/**
 * Looks into a layer that was made elsewhere, though it crosses byte for byte: a hostile one is refused here, before it
 * is signed, and not by whichever engine unpacks it in the enclave.
 * @throws E_IMAGE_ARCHIVE
 */
export async function checkLayer(file: string): Promise<void> {
  const inflate = await inflaterOf(file)
  if (inflate === undefined) return void readTar(file, 'foreign layer')
  const inflated = `${file}.tar`
  try {
    await pipeline(createReadStream(file), inflate, atMost(INFLATED), createWriteStream(inflated, { flags: 'wx' }))
    readTar(inflated, 'foreign layer')
  } finally {
    await rm(inflated, { force: true })
  }
}

async function inflaterOf(file: string): Promise<ReturnType<typeof createGunzip> | ReturnType<typeof createZstdDecompress> | undefined> {
  const handle = await open(file, 'r')
  try {
    const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0)
    if (buffer.subarray(0, 2).equals(GZIP)) return createGunzip()
    return buffer.equals(ZSTD) ? createZstdDecompress() : undefined
  } finally {
    await handle.close()
  }
}
