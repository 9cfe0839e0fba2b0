"""Checks of the shape of parsed documents. Each gives a list of reasons, empty when the value is right."""
import calendar
import re

import paths


def matches(pattern):
    compiled = re.compile(pattern)
    return lambda value: [] if isinstance(value, str) and compiled.fullmatch(value) else [f"{value!r:.60} does not match {pattern}"]


def one_of(*allowed):
    return lambda value: [] if any(type(value) is type(one) and value == one for one in allowed) else [f"{value!r:.60} is none of {allowed}"]


def integer(least, most=2**53 - 1):
    return lambda value: [] if type(value) is int and least <= value <= most else [f"{value!r:.60} is no integer from {least} to {most}"]


def array(item, most, key=None):
    def check(value):
        if not isinstance(value, list):
            return [f"{value!r:.60} is no array"]
        if len(value) > most:
            return [f"{len(value)} items, at most {most}"]
        reasons = [f"[{index}] {reason}" for index, one in enumerate(value) for reason in item(one)]
        if not reasons and key and len({key(one) for one in value}) != len(value):
            reasons.append("an item appears twice")
        return reasons

    return check


def optional(check):
    return lambda value: [] if value is None else check(value)


def record(members, maybe=(), more=False):
    def check(value):
        if not isinstance(value, dict):
            return [f"{value!r:.60} is no object"]
        reasons = [f"{name} is missing" for name in members if name not in value and name not in maybe]
        for name, one in value.items():
            if name in members:
                reasons += [f"{name}: {reason}" for reason in members[name](one)]
            elif not more:
                reasons.append(f"{name} is unknown")
        return reasons

    return check


def counts(names, check):
    """An object of some of these names."""

    def inner(value):
        if not isinstance(value, dict):
            return [f"{value!r:.60} is no object"]
        return [reason for name, one in value.items() for reason in (check(one) if name in names else [f"{name} is unknown"])]

    return inner


def instant(value):
    parts = re.fullmatch(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z", value) if isinstance(value, str) else None
    if parts:
        year, month, day, hour, minute, second = map(int, parts.groups())
        # Year 0 leaps, and the calendar module begins with 1.
        if 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year or 2000, month)[1] and hour < 24 and minute < 60 and second < 60:
            return []
    return [f"{value!r:.60} is no instant"]


def line(value):
    return [] if isinstance(value, str) and 1 <= len(value) <= 256 and paths.visible(value) else [f"{value!r:.60} is no line"]


def same(value):
    return value


hex64 = matches("[0-9a-f]{64}")
hex128 = matches("[0-9a-f]{128}")
key_id = matches("[0-9a-f]{16}")
name = matches("[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
word = matches("[A-Za-z0-9][A-Za-z0-9._+~-]{0,63}")
reference = matches("[a-z0-9]+(?:[._:/-]+[a-z0-9]+)*(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?")
blob = record({"sha256": hex64, "sha512": hex128, "size": integer(0)})
