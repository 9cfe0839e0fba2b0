"""Images of a bundle: manifests and indexes of OCI and Docker, and what they need (format.md section 7)."""
import json
import re

from refusal import refuse

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEXES = (OCI_INDEX, "application/vnd.docker.distribution.manifest.list.v2+json")
MANIFESTS = (OCI_MANIFEST, "application/vnd.docker.distribution.manifest.v2+json")


def _manifest(data, name):
    try:
        value = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        refuse("integrity", f"image manifest {name} is no JSON object")
    return value


def _descriptor(value, name):
    digest = value.get("digest") if isinstance(value, dict) else None
    match = re.fullmatch("sha256:([0-9a-f]{64})", digest) if isinstance(digest, str) else None
    size = value.get("size") if match else None
    if isinstance(size, float) and size.is_integer():
        size = int(size)
    if type(size) is not int or not 0 <= size <= 2**53 - 1:
        refuse("integrity", f"image manifest {name} has an unusable descriptor")
    return match[1], size


def needed_by(contents, root):
    """The media type of an image, and the descriptors of all it needs."""
    needed = {}
    types = []

    def visit(name, size, depth):
        if depth > 3:
            refuse("integrity", "indexes stand in each other too deep")
        needed[name] = size
        blob = contents.blobs.get(name)
        if blob is None:
            refuse("integrity", f"there is no image manifest {name}")
        value = _manifest(contents.take(blob, 4 << 20), name)
        index = isinstance(value.get("manifests"), list)
        kind = value.get("mediaType")
        kind = kind if kind is not None else OCI_INDEX if index else OCI_MANIFEST
        if kind not in (INDEXES if index else MANIFESTS):
            refuse("integrity", f"image manifest {name} is of an unknown type")
        types.append(kind)
        if index:
            for one in value["manifests"]:
                visit(*_descriptor(one, name), depth + 1)
            return
        if not isinstance(value.get("layers"), list):
            refuse("integrity", f"image manifest {name} has no layers")
        for one in [value.get("config"), *value["layers"]]:
            needed.update([_descriptor(one, name)])
        if len(needed) > 100_000:
            refuse("integrity", "an image refers to too many blobs")

    visit(root["sha256"], root["size"], 0)
    return types[0], needed
