"""The steps of verification, docs/format.md section 11, and the files of a bundle, section 2."""
import hashlib
import os
import re
import stat

import documents
import images
import strict_json
import trust
from refusal import Refused, refuse

UNLISTED = re.compile(r"bundle\.json|SHA512SUMS|signatures/.*|approvals/.*", re.DOTALL)
SIGNATURE = re.compile(r"([0-9a-f]{16})\.(mldsa87|p384)\.sig")
APPROVAL = re.compile(r"([0-9a-f]{16})\.json")
APPROVAL_SIGNATURE = re.compile(r"([0-9a-f]{16})\.([0-9a-f]{16})\.(mldsa87|p384)\.sig")
CHUNK = 1 << 18


def _open(path):
    """A descriptor of a regular file, or None."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno in (40, 6):  # ELOOP, ENXIO
            return None
        raise
    if stat.S_ISREG(os.fstat(file).st_mode):
        return file
    os.close(file)
    return None


def read(path, limit):
    """The bytes of a regular file, None when there is none."""
    file = _open(path)
    if file is None:
        return None
    with os.fdopen(file, "rb", buffering=0) as source:
        data = b""
        while len(data) <= limit and (chunk := source.read(limit + 1 - len(data))):
            data += chunk
    if len(data) > limit:
        refuse("integrity", f"{path} is too large")
    return data


def _digest(path, limit):
    """Digest and size; beyond the limit reading ends, and the size says so."""
    file = _open(path)
    if file is None:
        return None
    digest, size, buffer = hashlib.sha512(), 0, bytearray(CHUNK)
    with os.fdopen(file, "rb", buffering=0) as source:
        while count := source.readinto(buffer):
            digest.update(memoryview(buffer)[:count])
            size += count
            if size > limit:
                break
    return digest.hexdigest(), size


def _names(directory, folder):
    try:
        return sorted(os.listdir(os.path.join(directory, folder)))
    except FileNotFoundError:
        return []


def _signatures(directory):
    names = _names(directory, "signatures")
    if len(names) > 64:
        refuse("trust", "more than 64 files of signatures")
    found = {}
    for name in names:
        match = SIGNATURE.fullmatch(name)
        data = read(os.path.join(directory, "signatures", name), 8 << 10) if match else None
        if data is None:
            refuse("trust", f"signatures/{name!r} is no signature file")
        found.setdefault(match[1], {})[match[2]] = data
    return found


def _approvals(directory):
    """The bytes of each approval and its signatures by key."""
    names = _names(directory, "approvals")
    if len(names) > 192:
        refuse("trust", "more than 192 files of approvals")
    texts, signatures = {}, {}
    for name in names:
        document, signature = APPROVAL.fullmatch(name), APPROVAL_SIGNATURE.fullmatch(name)
        data = read(os.path.join(directory, "approvals", name), 64 << 10 if document else 8 << 10) if document or signature else None
        if data is None:
            refuse("trust", f"approvals/{name!r} is no file of an approval")
        if document:
            texts[document[1]] = data
        else:
            signatures.setdefault(signature[1], {}).setdefault(signature[2], {})[signature[3]] = data
    if set(texts) != set(signatures) or any(trust.sha512(data)[:16] != name for name, data in texts.items()):
        refuse("trust", "approvals/ holds an approval without signature, signatures without approval, or one under another's name")
    return [(texts[name], signatures[name]) for name in sorted(texts)]


def _listing(directory):
    files, folders, others = {}, [], []
    pending = [""]
    while pending:
        folder = pending.pop()
        with os.scandir(os.path.join(directory, folder) if folder else directory) as entries:
            for entry in entries:
                path = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_symlink():
                    others.append(path)
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(path)
                    pending.append(path)
                elif entry.is_file(follow_symlinks=False):
                    files[path] = entry.stat(follow_symlinks=False).st_size
                else:
                    others.append(path)
                if len(files) + len(folders) + len(others) > 120_000:
                    refuse("integrity", "more than 120,000 files")
    return files, folders, others


def _check_listing(directory, sums):
    files, folders, others = _listing(directory)
    wanted = {"signatures", "approvals", "blobs", "blobs/sha256"}
    for path in sums:
        parts = path.split("/")
        wanted.update("/".join(parts[:count]) for count in range(1, len(parts)))
    reasons = [f"{path} is neither a file nor a folder" for path in others]
    reasons += [f"{path} is missing" for path in sums if path not in files and path not in others]
    reasons += [f"{path} is not listed" for path in files if path not in sums and not UNLISTED.fullmatch(path)]
    reasons += [f"{path} is a folder of nothing" for path in folders if path not in wanted]
    if reasons:
        raise Refused([("integrity", reason) for reason in reasons])


class Contents:
    """The blobs of a bundle whose list is right."""

    def __init__(self, directory, statement, sums):
        self.directory = directory
        own = statement["contents"]
        data = self.take(own, 64 << 20)
        self.blobs = {one["sha256"]: one for one in documents.blobs(data, own["sha256"])}
        self.blobs[own["sha256"]] = own
        listed = {path[13:]: digest for path, digest in sums.items() if path.startswith("blobs/sha256/")}
        if listed != {name: one["sha512"] for name, one in self.blobs.items()}:
            refuse("integrity", "the list of blobs is not what SHA512SUMS lists")

    def take(self, ref, limit):
        """The bytes of a blob, checked."""
        if ref["size"] > limit:
            refuse("integrity", f"blob {ref['sha256']} is too large")
        path = os.path.join(self.directory, "blobs/sha256", ref["sha256"])
        data = read(path, ref["size"])
        if data is None or len(data) != ref["size"] or trust.sha512(data) != ref["sha512"]:
            refuse("integrity", f"blobs/sha256/{ref['sha256']} is not what was signed")
        return data


def _check_bytes(directory, statement, sums, contents, plain):
    sizes = {f"blobs/sha256/{name}": one["size"] for name, one in contents.blobs.items()}
    sizes.update({f"{folder}/{one['path']}": one["size"] for folder, entries in plain.items() for one in entries})
    if statement["installer"]:
        sizes["sallyport"] = statement["installer"]["size"]
    limit = max([16 << 20, *sizes.values()])
    reasons = []
    for path, digest in sums.items():
        found = _digest(os.path.join(directory, path), limit)
        if found is None or found[0] != digest or found[1] != sizes.get(path, found[1]):
            reasons.append(("integrity", f"{path} is not what was signed"))
    if reasons:
        raise Refused(reasons)


def _check_references(statement, sums, contents, plain):
    used = {statement["contents"]["sha256"]}
    reasons = []

    def use(name, size, digest=None):
        used.add(name)
        blob = contents.blobs.get(name)
        if blob is None or blob["size"] != size or digest not in (None, blob["sha512"]):
            reasons.append(f"blob {name} is not there as it is referred to")
            return False
        return True

    ref = lambda one: use(one["sha256"], one["size"], one["sha512"])
    for one in [*statement["mirrors"], *statement["iac"]]:
        if ref(one["tree"]):
            for entry in documents.tree(contents.take(one["tree"], 32 << 20), f"the tree of {one['name']}"):
                use(entry["sha256"], entry["size"])
    manifests = []
    for one in statement["images"]:
        if not ref(one["manifest"]):
            continue
        kind, needed = images.needed_by(contents, one["manifest"])
        for name, size in needed.items():
            use(name, size)
        descriptor = {"mediaType": kind, "digest": f"sha256:{one['manifest']['sha256']}", "size": one["manifest"]["size"]}
        manifests.append({**descriptor, "annotations": {"org.opencontainers.image.ref.name": one["reference"]}})
    index = {"schemaVersion": 2, "mediaType": images.OCI_INDEX, "manifests": manifests}
    placed = {"oci-layout": trust.sha512(b'{"imageLayoutVersion":"1.0.0"}'), "index.json": trust.sha512(strict_json.write(index))}
    if statement["installer"]:
        placed["sallyport"] = statement["installer"]["sha512"]
    for folder, entries in plain.items():
        ref(statement[folder]["tree"])
        placed.update({f"{folder}/{one['path']}": one["sha512"] for one in entries})
    reasons += [f"{path} is not what the statement makes it" for path, digest in placed.items() if sums.get(path) != digest]
    strange = set(sums) - set(placed) - {"README.txt"}
    reasons += [f"{path} has no place" for path in strange if not path.startswith("blobs/sha256/")]
    reasons += [f"nothing refers to blob {name}" for name in set(contents.blobs) - used]
    if reasons:
        raise Refused([("integrity", reason) for reason in reasons])


def _plain(statement, contents):
    """Entries of docs and evidence. A tree that is not as referred to is said by the steps that follow."""
    found = {}
    for folder in ("docs", "evidence"):
        tree = statement[folder]["tree"]
        found[folder] = documents.plain(contents.take(tree, 32 << 20), f"the tree of {folder}") if contents.blobs.get(tree["sha256"]) == tree else []
    return found


def _damaged(action):
    """What is wrong with a document is said after the bytes of every file were judged."""
    try:
        return action(), None
    except Refused as refusal:
        return {"docs": [], "evidence": []}, refusal


def verify(directory, policy, act, now, floor=(), known=(), context=None):
    """The digest of an accepted bundle. Raises Refused at the first step that fails, with every reason of that step."""
    try:
        return _verify(directory, policy, act, now, floor, known, context)
    except OSError as error:
        raise Refused([("machine", str(error))]) from None


def _verify(directory, policy, act, now, floor, known, context):
    data = read(os.path.join(directory, "bundle.json"), 1 << 20)
    if data is None:
        refuse("input", "there is no bundle.json")
    digest = trust.sha512(data)
    found, broken = trust.signers(policy, data, digest, _signatures(directory))
    if not found:
        raise Refused([*broken, ("trust", "no key of the policy has signed it")])
    statement = documents.statement(data)
    approved, bad = trust.approvers(policy, digest, _approvals(directory), act, now, context)
    reasons = broken + bad + trust.decide(policy, statement, digest, found, approved, act, now, floor, known)
    if reasons:
        raise Refused(reasons)
    listed = read(os.path.join(directory, "SHA512SUMS"), 32 << 20)
    if listed is None or trust.sha512(listed) != statement["sums"]["sha512"] or len(listed) != statement["sums"]["size"]:
        refuse("integrity", "SHA512SUMS is not what was signed")
    sums = documents.sums(listed)
    _check_listing(directory, sums)
    contents = Contents(directory, statement, sums)
    plain, damaged = _damaged(lambda: _plain(statement, contents))
    _check_bytes(directory, statement, sums, contents, plain)
    if damaged:
        raise damaged
    _check_references(statement, sums, contents, plain)
    return digest
