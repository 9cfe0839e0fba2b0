"""Keys, the trust policy and its decision, docs/format.md sections 8, 9 and 10."""
import base64
import hashlib
import re
from datetime import datetime, timedelta, timezone

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP384R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA87PublicKey
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

import documents
from refusal import Refused, refuse

ALGORITHMS = ("mldsa87", "p384")
DAY = timedelta(days=1)


def sha512(data):
    return hashlib.sha512(data).hexdigest()


def when(text):
    # Years that datetime cannot hold are far away on either side.
    if text.startswith("0000"):
        return datetime.min.replace(tzinfo=timezone.utc)
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)


def _load(algorithm, text):
    try:
        key = load_pem_public_key(text.encode())
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it is no key
        return None
    if algorithm == "mldsa87":
        right = isinstance(key, MLDSA87PublicKey)
    else:
        right = isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP384R1)
    return key if right and key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode() == text else None


def _holds(algorithm, key, signature, data):
    try:
        if algorithm == "mldsa87":
            key.verify(signature, data)
        else:
            key.verify(signature, data, ECDSA(SHA384()))
        return True
    except (InvalidSignature, ValueError):
        return False


class Policy:
    """A policy in force: its payload, digest, and keys by id."""

    def __init__(self, text):
        self.payload = documents.policy_payload(text)
        self.digest = sha512(text.encode())
        self.keys = {}
        self.entries = {entry["keyId"]: entry for entry in self.payload["keys"]}
        reasons = self._meaning()
        if reasons:
            raise Refused([("trust", reason) for reason in reasons])

    def _meaning(self):
        payload = self.payload
        reasons = []
        seen = set()
        for entry in payload["keys"]:
            if entry["person"] not in payload["persons"]:
                reasons.append(f"{entry['person']} is not in persons")
            pair = {algorithm: _load(algorithm, entry[algorithm]) for algorithm in ALGORITHMS}
            if None in pair.values():
                reasons.append(f"{entry['keyId']} is not a pair of public keys")
                continue
            ders = [pair[algorithm].public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) for algorithm in ALGORITHMS]
            if seen & set(ders):
                reasons.append(f"{entry['keyId']} holds a public key of another one")
            seen.update(ders)
            if sha512(b"".join(ders))[:16] != entry["keyId"]:
                reasons.append(f"{entry['keyId']} is not the id of its keys")
            self.keys[entry["keyId"]] = pair
        for act, needed in payload["thresholds"].items():
            if not needed:
                reasons.append(f"{act} asks for nobody")
        root = payload["thresholds"]["root"]
        if list(root) != ["root"]:
            reasons.append("root has to ask for root only")
        elif len(self.persons("root")) < root["root"]:
            reasons.append("root asks for more persons than there are")
        if payload["expires"] <= payload["created"]:
            reasons.append("it ends before it begins")
        if (payload["version"] == 1) != (payload["previous"] is None):
            reasons.append("previous does not fit the version")
        if payload["ceiling"]["level"] not in payload["ceiling"]["levels"]:
            reasons.append("the level of the ceiling is none of its levels")
        return reasons

    def revocation(self, key_id):
        return next((one for one in self.payload["revocations"] if one["keyId"] == key_id), None)

    def persons(self, role):
        return {documents.person(one["person"]) for one in self.payload["keys"] if role in one["roles"] and not self.revocation(one["keyId"])}

    def holds(self, key_id, signatures, data):
        """Algorithms of this key whose signature over the data holds, and those whose does not."""
        pair = self.keys[key_id]
        right = {one for one, signature in signatures.items() if _holds(one, pair[one], signature, data)}
        return right, set(signatures) - right


def _base64(text):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        data = None
    if data is None or base64.b64encode(data).decode() != text:
        refuse("trust", "a signature of the policy is not base64")
    return data


def accept_policy(data, digest=None, current=None):
    """The policy in the bytes of its file: bound by a digest, or following the one in force."""
    file = documents.policy_file(data)
    signatures = {}
    for one in file["signatures"]:
        signatures.setdefault(one["keyId"], {})[one["algorithm"]] = _base64(one["signature"])
    policy = Policy(file["payload"])
    text = file["payload"].encode()
    reasons = []
    if digest is not None and digest != policy.digest:
        reasons.append("it is not the policy of the card")
    new = current is not None and current.digest != policy.digest
    if new:
        if policy.payload["site"] != current.payload["site"]:
            reasons.append("it is for another site")
        if policy.payload["version"] != current.payload["version"] + 1:
            reasons.append("it is not the next version")
        elif policy.payload["previous"] != current.digest:
            reasons.append("it does not follow the policy in force")
    for judge in [current, policy] if new else [policy]:
        persons = set()
        for key_id, pair in signatures.items():
            entry = judge.entries.get(key_id)
            if entry is None or "root" not in entry["roles"] or judge.revocation(key_id) or set(pair) != set(ALGORITHMS):
                continue
            if judge.holds(key_id, pair, text)[0] == set(ALGORITHMS):
                persons.add(documents.person(entry["person"]))
        if len(persons) < judge.payload["thresholds"]["root"]["root"]:
            reasons.append(f"too few of the root of version {judge.payload['version']} signed it")
    if reasons:
        raise Refused([("trust", reason) for reason in reasons])
    return policy


def signers(policy, data, digest, signatures):
    """Keys of the policy that signed and count for the bundle of this digest; and reasons that refuse whoever else signed."""
    counted = []
    broken = []
    for key_id, pair in sorted(signatures.items()):
        if key_id not in policy.entries:
            continue
        right, wrong = policy.holds(key_id, pair, data)
        broken += [("trust", f"the {algorithm} signature of {key_id} does not hold") for algorithm in sorted(wrong)]
        revoked = policy.revocation(key_id)
        if right == set(ALGORITHMS) and (revoked is None or digest in revoked["keeps"]):
            counted.append(policy.entries[key_id])
    return counted, broken


def validity(policy, now):
    if now >= when(policy.payload["expires"]):
        return [("trust", "the policy has expired")]
    if now + DAY < when(policy.payload["created"]):
        return [("trust", "the policy is from the future")]
    return []


def _covers(patterns, name):
    return any(re.fullmatch(re.escape(one).replace(r"\*", "[a-z0-9-]*"), name) for one in patterns)


def approvers(policy, digest, approvals, act, now, context):
    """Keys that approved this act of this bundle. approvals: (bytes, signatures) each; context: digests or None."""
    counted = []
    broken = []
    for data, signatures in approvals:
        found, wrong = signers(policy, data, digest, signatures)
        broken += wrong
        if not found or wrong:
            continue
        said = documents.approval(data)
        fits = said["bundle"] == digest and said["site"] == policy.payload["site"] and said["act"] == act
        in_time = when(said["created"]) <= now + DAY and now < when(said["expires"])
        bound = context is None or all(said[name] in (None, context[name]) if act == "import" else said[name] == context[name] for name in context)
        if fits and in_time and bound:
            counted += found
    return counted, broken


def decide(policy, statement, digest, found, approved, act, now, floor=(), known=()):
    """Every reason why the policy does not allow the act."""
    payload = policy.payload
    reasons = validity(policy, now)
    for role, count in payload["thresholds"][act].items():
        keys = approved if role == "accreditor" else found
        persons = {documents.person(key["person"]) for key in keys if role in key["roles"] and _covers(key["names"], statement["name"])}
        if len(persons) < count:
            reasons.append(("trust", f"{act} asks for {count} with the role {role}, there are {len(persons)}"))
    if act != "import" and statement["kind"] != "release":
        reasons.append(("trust", f"a {statement['kind']} is not for {act}"))
    marking, ceiling = statement["marking"], payload["ceiling"]
    levels = ceiling["levels"]
    if (
        (marking["policy"], marking["policyVersion"]) != (ceiling["policy"], ceiling["policyVersion"])
        or marking["level"] not in levels
        or levels.index(marking["level"]) > levels.index(ceiling["level"])
        or not set(marking["categories"]) <= set(ceiling["categories"])
    ):
        reasons.append(("trust", "the marking is above the ceiling"))
    same = lambda one: one["kind"] == statement["kind"] and one["name"] == statement["name"]
    lowest = max([0] + [one["sequence"] for one in [*payload["floor"], *floor] if same(one)])
    excepted = any(same(one) and one["digest"] == digest and now < when(one["expires"]) for one in payload["exceptions"])
    if statement["sequence"] < lowest and not excepted:
        reasons.append(("floor", f"sequence {statement['sequence']} is below the floor {lowest}"))
    if any(same(one) and one["sequence"] == statement["sequence"] and one["digest"] != digest for one in known):
        reasons.append(("floor", "the sequence is known with another digest"))
    return reasons
