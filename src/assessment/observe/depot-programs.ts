/** As host-program.ts: the depot's own records, and the manifests it keeps with their signatures (base64, by path). */
export const RECORDS_PROGRAM = String.raw`
import base64, glob, json, os


def read(path, most):
    try:
        with open(path, "rb") as file:
            return file.read(most)
    except FileNotFoundError:
        return None


manifests = {}
for folder in sorted(glob.glob("/var/lib/sallyport-host/manifests/*"))[:64]:
    files = [path for pattern in ("bundle.json", "signatures/*", "approvals/*") for path in sorted(glob.glob(f"{folder}/{pattern}"))]
    if len(os.path.basename(folder)) == 128:
        manifests[os.path.basename(folder)] = {os.path.relpath(path, folder): base64.b64encode(read(path, 1 << 20)).decode() for path in files[:512]}
state = read("/var/lib/sallyport/state.json", 1 << 20)
custody = read("/var/lib/sallyport-host/custody.jsonl", 16 << 20)
print(json.dumps({
    "state": None if state is None else state.decode(errors="replace"),
    "custody": None if custody is None else base64.b64encode(custody).decode(),
    "manifests": manifests,
}))
`

/**
 * As host-program.ts: hashes every file below one laid out release. Its argument: {"release": ID, "trees": [SHA-256 of
 * blobs to give back], "text": a path in the release to give back, or null}.
 * Manifests of images come back as well.
 */
export const RELEASE_PROGRAM = String.raw`
import base64, hashlib, json, os, sys

asked = json.loads(base64.b64decode(sys.argv[1]))
# The services of the depot come first.
os.nice(15)
root = f"/var/lib/sallyport/releases/{asked['release']}"
MOST = 200_000
known, files, others = {}, {}, []


def digest(path):
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(4 << 20):
            found.update(chunk)
    return found.hexdigest()


def read(path, most):
    try:
        with open(path, "rb") as file:
            return base64.b64encode(file.read(most)).decode()
    except FileNotFoundError:
        return None


for folder, _, names in os.walk(root):
    for name in names:
        path = os.path.join(folder, name)
        about = os.lstat(path)
        if not os.path.isfile(path) or os.path.islink(path):
            others.append(os.path.relpath(path, root))
            continue
        if about.st_ino not in known:
            known[about.st_ino] = digest(path)
        files[os.path.relpath(path, root)] = known[about.st_ino]
        if len(files) > MOST:
            sys.exit(f"more than {MOST} files")
trees = {sha: read(f"/var/lib/sallyport/store/blobs/sha256/{sha}", 33 << 20) for sha in asked["trees"]}
manifests = {files[path]: read(os.path.join(root, path), 4 << 20) for path in files if "/manifests/sha256:" in path}
text = None if asked["text"] is None else read(os.path.join(root, asked["text"]), 4 << 20)
print(json.dumps({"files": files, "others": others[:100], "trees": trees, "manifests": manifests, "text": text}))
`

/** As host-program.ts: has the control plane prove the audit log; of the events only their number leaves the host. */
export const AUDIT_PROGRAM = String.raw`
import json, subprocess, threading

words = ["podman", "exec", "control-plane", "node", "/app/main.mjs", "verify-audit"]
work = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
said = []
reader = threading.Thread(target=lambda: said.append(work.stderr.read(1 << 16).decode(errors="replace")))
reader.start()
last, lines = b"", 0
for line in work.stdout:
    last, lines = line, lines + 1
code = work.wait()
reader.join()
proof = None
try:
    proof = json.loads(last).get("verified")
except (ValueError, AttributeError):
    pass
print(json.dumps({"code": code, "events": max(lines - 1, 0), "proof": proof, "said": "".join(said).strip().splitlines()[-1:]}))
`
