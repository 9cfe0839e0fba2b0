import type { BlobRef } from '../../bundle/digest.ts'
import type { ImageConfig } from './recipe.ts'

export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

interface NamedLayer {
  readonly name: string
  readonly blob: BlobRef
}

/**
 * OCI image configuration (image-spec 1.1, config.md). It bears no date: an image whose content did not change keeps
 * its digest, so that an upgrade does not restart its service.
 */
export function configOf(config: ImageConfig, layers: readonly NamedLayer[]): Buffer {
  const { user, entrypoint, cmd, env, workdir, ports, labels } = config
  return json({
    architecture: 'amd64',
    os: 'linux',
    config: {
      User: user,
      ExposedPorts: ports && Object.fromEntries(ports.map((port) => [`${port}/tcp`, {}])),
      Env: Object.entries({ PATH: DEFAULT_PATH, ...env }).map(([name, value]) => `${name}=${value}`),
      Entrypoint: entrypoint,
      Cmd: cmd,
      WorkingDir: workdir ?? '/',
      Labels: labels,
    },
    // The layers are plain tar: what is stored is what is identified.
    rootfs: { type: 'layers', diff_ids: layers.map(({ blob }) => `sha256:${blob.sha256}`) },
    history: layers.map(({ name }) => ({ created_by: `sallyport: ${name}` })),
  })
}

/** OCI image manifest (image-spec 1.1, manifest.md). */
export function manifestOf(config: BlobRef, layers: readonly NamedLayer[]): Buffer {
  return json({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: descriptor('application/vnd.oci.image.config.v1+json', config),
    layers: layers.map(({ blob }) => descriptor('application/vnd.oci.image.layer.v1.tar', blob)),
  })
}

function descriptor(mediaType: string, blob: BlobRef): Record<string, unknown> {
  return { mediaType, digest: `sha256:${blob.sha256}`, size: blob.size }
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}
