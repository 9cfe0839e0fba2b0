"""Paths, docs/format.md section 6."""
import re
import unicodedata

INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp", "Cn"}
RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)


def visible(text):
    return all(unicodedata.category(character) not in INVISIBLE for character in text)


def fault(path):
    """Why a path may stand in no tree, or None."""
    if not isinstance(path, str):
        return "is no string"
    if not visible(path):
        return "holds invisible characters"
    if "\\" in path:
        return "holds a backslash"
    if len(path.encode()) > 1024:
        return "is longer than 1024 bytes"
    for segment in path.split("/"):
        if segment in ("", ".", ".."):
            return f"has the segment {segment!r}"
        if len(segment.encode()) > 255:
            return "has a segment longer than 255 bytes"
    return None


def plain_fault(path):
    """As fault, for files that stand in the bundle itself."""
    why = fault(path)
    if why:
        return why
    for segment in path.split("/"):
        if not re.fullmatch(r"[A-Za-z0-9 ._@+=,~-]+", segment):
            return "holds other than the allowed characters"
        if segment[0] == " " or segment[-1] in " .":
            return "begins or ends with a space or ends with a dot"
        if RESERVED.fullmatch(segment):
            return "is reserved by Windows"
    return None


def _folded(text):
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower().upper().lower())


def collisions(paths):
    """Reasons why these paths cannot all stand in one tree."""
    reasons = []
    files = set(paths)
    if len(files) != len(paths):
        reasons.append("a path appears twice")
    folders = set()
    for path in files:
        parts = path.split("/")
        folders.update("/".join(parts[:count]) for count in range(1, len(parts)))
    reasons += [f"{path} is a file and a folder" for path in files & folders]
    spelling = {}
    for path in files | folders:
        other = spelling.setdefault(_folded(path), path)
        if other != path:
            reasons.append(f"{path} and {other} differ by case or Unicode form only")
    return reasons


def ordered(paths):
    """Strictly in the order of bytes."""
    encoded = [path.encode() for path in paths]
    return all(first < second for first, second in zip(encoded, encoded[1:]))
