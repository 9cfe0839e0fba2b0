import type { ImageEntry } from '../bundle/statement.ts'
import type { Definition } from '../connected/definition/definition.ts'
import { quoted, type Check } from './check.ts'

export const IMAGE_PACKAGES = ['catatonit', 'crun', 'podman']

/** Where the hosts see the bundle. */
export const BUNDLE = '/bundle'

/** Seconds that a command may run: whatever runs so long has started. */
const SECONDS = 12
/** Of timeout(1). */
const STILL_RUNNING = [124, 137]

/** Ways to say that something of the image itself is not there, or not for this processor. */
const LACKS =
  /exec format error|error while loading shared libraries|cannot open shared object file|no such file or directory.*(?:exec|runtime)|(?:exec|runtime|crun).*no such file or directory|Cannot find module|ERR_MODULE_NOT_FOUND|ModuleNotFoundError|can't open file|Could not find or load main class|Unable to access jarfile|executable file .*not found/i

/**
 * Podman takes each image out of the bundle, whose folder is an OCI layout, and starts its own command as its own user. What is
 * shown is that it starts: that the program is there, with its interpreter and its libraries. A service that ends because
 * it was given no settings has started.
 */
export function imageChecks(images: readonly ImageEntry[], definition: Definition): Check[] {
  return images.map(({ name, reference }) => {
    const image = quoted(reference)
    return {
      what: `image ${name}`,
      line: definition.placeOf('images', definition.images.findIndex((one) => one.name === name)),
      on: 'workbench',
      // In the host's own network: what it asks for there is seen, and answered with a refusal.
      run: [
        `podman pull -q ${quoted(`oci:${BUNDLE}:${reference}`)} || exit 125`,
        `timeout --kill-after=5 ${SECONDS} podman run --rm --pull=never --network=host --name proof ${image}`,
        'code=$?',
        'podman rm --force --time 0 --ignore proof >/dev/null',
        `podman rmi --force ${image} >/dev/null`,
        'exit $code',
      ].join('\n'),
      judge: judgeStart,
    }
  })
}

/** What kept an image from starting; undefined when it did. 125 to 127: podman(1), the exit status of podman-run. */
export function judgeStart(code: number, said: string): string | undefined {
  if (STILL_RUNNING.includes(code)) return undefined
  const line = said.split('\n').find((one) => LACKS.test(one))?.trim()
  if (code === 125) return 'podman could not take it or set it up'
  if (code === 126) return 'its command cannot be started'
  if (code === 127) return 'its command, or something it needs, is not there'
  return code !== 0 && line !== undefined ? 'something that its command needs is not there' : undefined
}
