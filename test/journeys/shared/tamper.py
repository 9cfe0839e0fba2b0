"""Changes one file of a depot as somebody who owns the depot could, and puts it back.

tamper.py flip FILE           one bit in the middle
tamper.py grow FILE           one byte more at the end
tamper.py zip FILE            a whole zip again, with one text of it changed
tamper.py ... FILE INDEX...   and every digest of the file in these indexes made to fit
tamper.py back FILE INDEX...  as it was
"""
import base64, hashlib, io, os, sys, zipfile


def replaced(path, data):
    os.rename(path, path + ".kept")
    with open(path, "wb") as file:
        file.write(data)


def zipped(old):
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(old)) as source, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        last = [entry for entry in source.infolist() if entry.filename.endswith((".go", ".md", ".txt"))][-1]
        for entry in source.infolist():
            data = source.read(entry)
            target.writestr(entry.filename, data + b"\n" if entry is last else data)
    return made.getvalue()


CHANGES = {
    "flip": lambda old: old[: len(old) // 2] + bytes([old[len(old) // 2] ^ 1]) + old[len(old) // 2 + 1 :],
    "grow": lambda old: old + b"\n",
    "zip": zipped,
}


def digests(data):
    for name in ("sha1", "sha256", "sha512"):
        digest = hashlib.new(name, data).digest()
        yield digest.hex().encode()
        yield base64.b64encode(digest)
    if data[:2] == b"PK":
        # h1 of Go's modules and OpenTofu's providers: over the sums of what is in the zip.
        with zipfile.ZipFile(io.BytesIO(data)) as source:
            lines = sorted(f"{name}\0{hashlib.sha256(source.read(name)).hexdigest()}" for name in source.namelist() if not name.endswith("/"))
        text = "".join("{1}  {0}\n".format(*line.split("\0")) for line in lines)
        yield base64.b64encode(hashlib.sha256(text.encode()).digest())


how, path, *indexes = sys.argv[1:]
if how == "back":
    for one in (path, *indexes):
        os.replace(one + ".kept", one)
else:
    with open(path, "rb") as file:
        old = file.read()
    new = CHANGES[how](old)
    replaced(path, new)
    for one in indexes:
        with open(one, "rb") as file:
            text = before = file.read()
        for was, now in zip(digests(old), digests(new)):
            text = text.replace(was, now)
        if text == before:
            sys.exit(f"{one} says nothing of {path}")
        replaced(one, text)
