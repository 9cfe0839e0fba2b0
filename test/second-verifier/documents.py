"""The documents of the format, docs/format.md sections 4, 6, 9 and 10."""
import paths
from refusal import Refused, refuse
from shape import array, blob, counts, hex128, hex64, instant, integer, key_id, line, matches, name, one_of, optional, record, reference, same, word
from strict_json import NotStrict, parse

STATEMENT = "application/vnd.sallyport.bundle.v1+json"
POLICY = "application/vnd.sallyport.policy.v1+json"
APPROVAL = "application/vnd.sallyport.approval.v1+json"
KINDS = ("release", "advisory", "trust", "content")
ROLES = ("root", "publisher", "accreditor", "site")
ACTS = ("import", "install", "upgrade")

_lines = lambda most: array(line, most, same)
_kind = one_of(*KINDS)
_by_name = lambda one: one["name"]


def _upgrade(value):
    reasons = record({"name": name, "minSequence": integer(0), "maxSequence": integer(0)})(value)
    return reasons or ([] if value["minSequence"] <= value["maxSequence"] else ["minSequence is above maxSequence"])


_statement = record(
    {
        "type": one_of(STATEMENT),
        "formatVersion": one_of(1),
        "critical": _lines(64),
        "kind": _kind,
        "name": name,
        "version": word,
        "sequence": integer(1),
        "created": instant,
        "marking": record(
            {
                "policy": matches("urn:[a-z0-9][a-z0-9-]{1,31}:[!-~]{1,200}"),
                "policyVersion": word,
                "level": line,
                "categories": _lines(256),
                "releasability": _lines(256),
            }
        ),
        "targets": array(record({"os": word, "release": word, "architecture": word}), 64),
        "upgradesFrom": array(_upgrade, 64),
        "sums": record({"sha512": hex128, "size": integer(0, 32 << 20)}),
        "contents": blob,
        "images": array(record({"name": name, "reference": reference, "manifest": blob}), 1024, _by_name),
        "mirrors": array(record({"name": name, "ecosystem": name, "tree": blob}), 256, _by_name),
        "iac": array(record({"name": name, "kind": name, "tree": blob}), 256, _by_name),
        "installer": optional(record({"path": one_of("sallyport"), "sha512": hex128, "size": integer(1)})),
        "docs": record({"tree": blob}),
        "evidence": record({"tree": blob}),
    },
    more=True,
)

_threshold = counts(ROLES, integer(1, 32))
_policy = record(
    {
        "type": one_of(POLICY),
        "formatVersion": one_of(1),
        "critical": _lines(64),
        "version": integer(1),
        "previous": optional(hex128),
        "site": name,
        "created": instant,
        "expires": instant,
        "persons": array(line, 256, lambda one: person(one)),
        "keys": array(
            record(
                {
                    "keyId": key_id,
                    "person": line,
                    "roles": array(one_of(*ROLES), 4, same),
                    "names": array(matches(r"(?=.{1,64}$)[a-z0-9-]*\*?[a-z0-9-]*"), 64, same),
                    "mldsa87": matches(r"-----BEGIN PUBLIC KEY-----\n[\s\S]*"),
                    "p384": matches(r"-----BEGIN PUBLIC KEY-----\n[\s\S]*"),
                }
            ),
            256,
            lambda one: one["keyId"],
        ),
        "thresholds": record({act: _threshold for act in ("root", *ACTS)}),
        "revocations": array(
            record({"keyId": key_id, "at": instant, "reason": line, "keeps": array(hex128, 1024, same)}), 256, lambda one: one["keyId"]
        ),
        "floor": array(record({"kind": _kind, "name": name, "sequence": integer(1)}), 1024, lambda one: (one["kind"], one["name"])),
        "exceptions": array(record({"kind": _kind, "name": name, "digest": hex128, "expires": instant, "reason": line}), 64),
        "ceiling": record(
            {"policy": matches("urn:[!-~]{3,240}"), "policyVersion": line, "levels": _lines(32), "level": line, "categories": _lines(256)}
        ),
    },
    more=True,
)
_policy_file = record(
    {
        "payload": lambda value: [] if isinstance(value, str) else ["is no text"],
        "signatures": array(
            record({"keyId": key_id, "algorithm": one_of("mldsa87", "p384"), "signature": matches("(?=.{1,11000}$)[A-Za-z0-9+/]+={0,2}")}),
            64,
            lambda one: (one["keyId"], one["algorithm"]),
        ),
    }
)
_approval = record(
    {
        "type": one_of(APPROVAL),
        "formatVersion": one_of(1),
        "critical": _lines(64),
        "bundle": hex128,
        "site": name,
        "act": one_of(*ACTS),
        "siteDigest": optional(hex128),
        "planDigest": optional(hex128),
        "conditions": array(line, 64),
        "created": instant,
        "expires": instant,
    },
    more=True,
)


def person(text):
    """Two spellings of one person are equal in this form."""
    import unicodedata

    folded = unicodedata.normalize("NFKC", text).upper().lower()
    return " ".join(folded.split())


def _document(data, what, limit, kind=None):
    """The value of the bytes of a document, its envelope checked. Refuses under the class integrity."""
    if len(data) > limit:
        refuse("integrity", f"{what} is too large")
    try:
        value = parse(data)
    except NotStrict as error:
        refuse("integrity", f"{what}: {error}")
    if kind is not None:
        envelope = value if isinstance(value, dict) else {}
        if envelope.get("type") != kind or type(envelope.get("formatVersion")) is not int or envelope["formatVersion"] != 1:
            refuse("integrity", f"{what} is of another type or format")
        if isinstance(envelope.get("critical"), list) and envelope["critical"]:
            refuse("integrity", f"{what} has critical members: {envelope['critical']}")
    return value


def _checked(check, value, what, kind="integrity"):
    reasons = check(value)
    if reasons:
        raise Refused([(kind, f"{what}: {reason}") for reason in reasons])
    return value


def statement(data):
    return _checked(_statement, _document(data, "bundle.json", 1 << 20, STATEMENT), "bundle.json")


def policy_file(data):
    return _checked(_policy_file, _document(data, "the policy", 4 << 20), "the policy", "trust")


def policy_payload(text):
    return _checked(_policy, _document(text.encode("utf-8", "surrogatepass"), "the policy", 4 << 20, POLICY), "the policy", "trust")


def approval(data):
    value = _checked(_approval, _document(data, "an approval", 64 << 10, APPROVAL), "an approval", "integrity")
    if value["expires"] <= value["created"]:
        refuse("integrity", "an approval ends before it begins")
    if value["act"] != "import" and (value["siteDigest"] is None or value["planDigest"] is None):
        refuse("integrity", f"an approval of {value['act']} names no site.yaml or no plan")
    return value


def blobs(data, own):
    what = "the list of blobs"
    value = _checked(array(blob, 100_000), _document(data, what, 64 << 20), what)
    names = [one["sha256"] for one in value]
    if not paths.ordered(names) or own in names:
        refuse("integrity", f"{what} is out of order, or lists a blob twice or itself")
    return value


def _paths(value, what):
    names = [one["path"] for one in value]
    reasons = paths.collisions(names) + ([] if paths.ordered(names) else ["out of order"])
    if reasons:
        raise Refused([("integrity", f"{what}: {reason}") for reason in reasons])
    return value


def _path(check):
    return lambda value: [why] if (why := check(value)) else []


def tree(data, what):
    entry = record({"path": _path(paths.fault), "sha256": hex64, "size": integer(0), "executable": one_of(True)}, maybe=("executable",))
    return _paths(_checked(array(entry, 100_000), _document(data, what, 32 << 20), what), what)


def plain(data, what):
    entry = record({"path": _path(paths.plain_fault), "sha512": hex128, "size": integer(0)})
    return _paths(_checked(array(entry, 100_000), _document(data, what, 32 << 20), what), what)


def sums(data):
    """Path to SHA-512, docs/format.md section 5."""
    what = "SHA512SUMS"
    if len(data) > 32 << 20:
        refuse("integrity", f"{what} is too large")
    text = data.decode("latin-1")
    if text and not text.endswith("\n"):
        refuse("integrity", f"{what} has no last line feed")
    listed = {}
    for number, one in enumerate(text.split("\n")[:-1], 1):
        digest, path = one[:128], one[130:]
        why = hex128(digest) or (["has no two spaces"] if one[128:130] != "  " else _path(paths.plain_fault)(path))
        if why:
            refuse("integrity", f"{what} line {number}: {why[0]}")
        if path in listed:
            refuse("integrity", f"{what} line {number}: twice")
        listed[path] = digest
    _paths([{"path": path} for path in listed], what)
    return listed
