#!/usr/bin/env python3
"""Damages a copy of a bundle and verifies it, many times in one process, as the tests ask: a JSON object a line.

Each request names what is done to the copy; the copy is put back before the answer is given.
"""
import json
import os
import shutil
import sys
from pathlib import Path

import bundle
import paths
import trust
from refusal import Refused

SHORT = {"trust": "t", "integrity": "i", "floor": "f", "machine": "m", "input": "n"}


def flip(path, bit):
    with open(path, "r+b", buffering=0) as file:
        file.seek(bit >> 3)
        byte = file.read(1)[0]
        file.seek(bit >> 3)
        file.write(bytes([byte ^ (1 << (bit & 7))]))


def swap(first, second):
    os.rename(first, f"{first}.swap")
    os.rename(second, first)
    os.rename(f"{first}.swap", second)


def do(root, step):
    """Applies one step of damage; returns what undoes it."""
    kind, name, *rest = step
    path = os.path.join(root, name)
    if kind == "flip":
        flip(path, rest[0])
        return lambda: flip(path, rest[0])
    if kind == "swap":
        other = os.path.join(root, rest[0])
        swap(path, other)
        return lambda: swap(path, other)
    if kind == "copy":
        shutil.copyfile(path, os.path.join(root, rest[0]))
        return lambda: os.remove(os.path.join(root, rest[0]))
    if kind == "truncate":
        before = Path(path).read_bytes()
        os.truncate(path, rest[0])
        return lambda: Path(path).write_bytes(before)
    if kind == "remove":
        aside = f"{root}.aside-{name.replace('/', '-')}"
        os.rename(path, aside)
        return lambda: os.rename(aside, path)
    raise ValueError(kind)


class Site:
    """A policy, a clock and an act, under which bundles are judged."""

    def __init__(self, asked):
        self.now = trust.when(asked["now"])
        self.act = asked["act"]
        self.context = asked.get("context")
        self.floor = asked.get("floor", [])
        self.known = asked.get("known", [])
        self.policy = trust.accept_policy(Path(asked["policy"]).read_bytes(), asked.get("digest"))
        for later in asked.get("later", []):
            self.policy = trust.accept_policy(Path(later).read_bytes(), current=self.policy)

    def judge(self, directory):
        try:
            bundle.verify(directory, self.policy, self.act, self.now, self.floor, self.known, self.context)
        except Refused as refusal:
            return refusal.reasons
        return []


def classes(reasons):
    return sorted({kind for kind, _ in reasons})


def answer(asked):
    if "paths" in asked:
        return [bool((paths.plain_fault if asked["plain"] else paths.fault)(one)) for one in asked["paths"]]
    if "sets" in asked:
        return [bool(paths.collisions(one)) for one in asked["sets"]]
    try:
        site = Site(asked)
    except Refused as refusal:
        return {"classes": refusal.classes, "reasons": [text for _, text in refusal.reasons]}
    directory = asked["directory"]
    if "flips" in asked:
        path, bits, step = asked["flips"]
        outcomes = []
        for bit in range(0, bits, step):
            flip(os.path.join(directory, path), bit)
            outcomes.append("".join(SHORT[one] for one in classes(site.judge(directory))) or "A")
            flip(os.path.join(directory, path), bit)
        return " ".join(outcomes)
    undo = [do(directory, step) for step in asked.get("damage", [])]
    try:
        reasons = site.judge(directory)
    finally:
        for step in reversed(undo):
            step()
    return {"classes": classes(reasons), "reasons": [text for _, text in reasons]}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
