import { fault } from './codes.ts'
import { LIMITS } from './layout.ts'
import { collisions, comparePaths, plainPathFault } from './path.ts'

/** Path in the bundle → sha512, in the order of bytes of the paths. */
export type Sums = ReadonlyMap<string, string>

/** SHA512SUMS as coreutils writes it: `<128 hex>  <path>`, sorted by path. */
export function serialiseSums(sums: Sums): Buffer {
  const paths = [...sums.keys()].sort(comparePaths)
  return Buffer.from(paths.map((path) => `${sums.get(path)}  ${path}\n`).join(''))
}

/** @throws E_SUMS_INVALID with every fault, E_TOO_LARGE */
export function parseSums(bytes: Uint8Array): Sums {
  if (bytes.byteLength > LIMITS.sums) {
    throw fault('E_TOO_LARGE', 'SHA512SUMS is larger than this program reads', {
      expected: `at most ${LIMITS.sums} bytes`,
      found: `${bytes.byteLength} bytes`,
    })
  }
  const sums = new Map<string, string>()
  const faults: string[] = []
  const text = Buffer.from(bytes).toString('latin1')
  if (text !== '' && !text.endsWith('\n')) faults.push('the last line has no line feed')
  const lines = text.split('\n').slice(0, -1)
  let before = ''
  lines.forEach((one, index) => {
    const [, digest, path] = /^([0-9a-f]{128}) {2}(.+)$/.exec(one) ?? []
    const why = path === undefined ? 'is not `<128 hex>  <path>`' : plainPathFault(path)
    if (digest === undefined || path === undefined || why) faults.push(`line ${index + 1}: ${why}`)
    else {
      if (comparePaths(before, path) >= 0) faults.push(`line ${index + 1}: ${path} appears twice or out of order`)
      sums.set(path, digest)
      before = path
    }
  })
  faults.push(...collisions([...sums.keys()]))
  if (faults.length > 0) throw fault('E_SUMS_INVALID', 'SHA512SUMS is not a valid list', { faults })
  return sums
}
