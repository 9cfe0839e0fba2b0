"""The realm mesh as code, and what is handed to its people. Standard library only; root on Keycloak's host runs it.

  sallyport-identity converge [--check]  brings realm and accounts to the folder of the role; a line for each change
  sallyport-identity enrol USERNAME      password and one-time codes for a person: printed once, kept nowhere
  sallyport-identity seal HOLDER         another sealed password for the emergency account of a holder
  sallyport-identity hand-over HOLDER    prints the sealed password once, and forgets it
  sallyport-identity watch               what a timer runs: use of the emergency accounts
"""

import argparse
import fcntl
import json
import os
import sys

from admin import Admin, Refused
from credentials import enrol, hand_over, seal_anew
from people import People
from realm import Realm
from watch import watch


class Changes:
    """What is to be changed; with `check` it is only said."""

    def __init__(self, check):
        self.check, self.count = check, 0

    def make(self, what):
        self.count += 1
        print(f"{'differs' if self.check else 'changed'}: {what}", flush=True)
        return not self.check


def read(folder, name):
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        return json.load(file)


def converge(admin, config, check):
    changes = Changes(check)
    Realm(admin, read(config["wanted"], "realm.json"), changes).converge()
    people = os.path.join(config["wanted"], "people.json")
    if os.path.exists(people) and (not check or admin.find("") is not None):
        People(admin, read(config["wanted"], "people.json"), changes, sealed(config)).converge()
    return 1 if check and changes.count else 0


def sealed(config):
    return {"folder": config["sealed"], "recipients": config["recipients"]}


def holder_account(holder):
    return f"break-glass.{holder}"


def run(words, config):
    admin = Admin(config["url"], config["client"], config["secret"])
    if words.act == "converge":
        return converge(admin, config, words.check)
    if words.act == "watch":
        for line in watch(admin, config["sealed"], config["breakGlassHours"], config["metrics"], config["watched"]):
            print(f"<2>{line}", flush=True)
        return 0
    if words.act == "seal":
        seal_anew(admin, username=holder_account(words.who), **sealed(config))
        print(f"sealed: {holder_account(words.who)}")
        return 0
    answer = enrol(admin, words.who, config["issuer"], config["otp"]) if words.act == "enrol" else hand_over(config["sealed"], holder_account(words.who))
    print(json.dumps(answer))
    return 0


def main():
    parser = argparse.ArgumentParser(prog="sallyport-identity")
    parser.add_argument("--config", default="/etc/sallyport/identity.json")
    acts = parser.add_subparsers(dest="act", required=True)
    acts.add_parser("converge").add_argument("--check", action="store_true")
    acts.add_parser("watch")
    for act in ("enrol", "seal", "hand-over"):
        acts.add_parser(act).add_argument("who")
    words = parser.parse_args()
    os.umask(0o077)
    with open(words.config, encoding="utf-8") as file:
        config = json.load(file)
    try:
        with open(config["lock"], "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return run(words, config)
    except Refused as reason:
        print(f"sallyport-identity: {reason}", file=sys.stderr)
        return 2


sys.exit(main())
