"""Use of the emergency accounts: said in the journal and in metrics, and ended when its time is over."""

import json
import os
import time

from admin import quoted
from credentials import forget, keep, sealed_file

CLIENT = "mesh-break-glass"
EVENTS = f"/events?client={CLIENT}&max=1000"
ACCOUNTS = "/users?briefRepresentation=false&max=1000&q=login:break-glass"
# Somebody without an emergency account, who tried one.
NOBODY = "none"


def accounts_of(admin):
    return [one for one in admin.get(ACCOUNTS) if one.get("attributes", {}).get("login") == ["break-glass"]]


def remembered(state):
    """{until: time of the last event that was said, milliseconds; refused: {account: tries in vain since ever}}"""
    try:
        with open(state, encoding="ascii") as file:
            return json.load(file)
    except (FileNotFoundError, ValueError):
        return {"until": 0, "refused": {}}


def watch(admin, folder, hours, metrics, state):
    """Lines to say."""
    said = remembered(state)
    events = sorted(admin.get(EVENTS), key=lambda one: one["time"])
    accounts = accounts_of(admin)
    names = {one["id"]: one["username"] for one in accounts}
    fresh = [one for one in events if one["time"] > said["until"]]
    lines = [sentence(one, names) for one in fresh]
    refused = {name: said["refused"].get(name, 0) for name in [*names.values(), NOBODY]}
    for event in fresh:
        if event["type"] == "LOGIN_ERROR":
            refused[names.get(event.get("userId"), NOBODY)] += 1
    values = {"last_use_seconds": {}, "open": {}, "sealed": {}, "refused_total": refused}
    for account in accounts:
        name = account["username"]
        uses = [one["time"] / 1000 for one in events if one["type"] == "LOGIN" and one.get("userId") == account["id"]]
        since_sealed = [one for one in uses if one > last_sealed(admin, account["id"])]
        if account["enabled"] and since_sealed and time.time() - since_sealed[0] > hours * 3600:
            spend(admin, account)
            account["enabled"] = False
            lines.append(f"emergency account {name} is shut: it was opened {hours} hours ago")
        values["last_use_seconds"][name] = int(uses[-1]) if uses else 0
        values["open"][name] = 1 if account["enabled"] and since_sealed else 0
        values["sealed"][name] = 1 if os.path.exists(sealed_file(folder, name)) else 0
    keep(metrics, text_of(values), 0o644)
    keep(state, json.dumps({"until": events[-1]["time"] if events else said["until"], "refused": refused}))
    return lines


def sentence(event, names):
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(event["time"] / 1000))
    place = f"at {moment} from {event.get('ipAddress', 'unknown')}"
    name = names.get(event.get("userId"))
    if event["type"] == "LOGIN":
        return f"emergency account {name or event.get('userId')} was used {place}"
    who = f"emergency account {name}" if name else f"an emergency account, by {event.get('details', {}).get('username', 'nobody known')},"
    return f"{who} was tried in vain ({event.get('error', event['type'])}) {place}"


def last_sealed(admin, identity):
    """Seconds; the password in force was made then."""
    made = [one.get("createdDate", 0) for one in admin.get(f"/users/{quoted(identity)}/credentials") if one["type"] == "password"]
    return max(made, default=0) / 1000


def spend(admin, account):
    attributes = {**account["attributes"], "spent": [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())]}
    admin.put(f"/users/{account['id']}", {"username": account["username"], "enabled": False, "requiredActions": [], "attributes": attributes})
    forget(admin, account["id"], ("password",))
    admin.ask("POST", f"/users/{account['id']}/logout")


def text_of(values):
    lines = []
    for family, samples in values.items():
        lines.append(f"# TYPE sallyport_break_glass_{family} {'counter' if family.endswith('_total') else 'gauge'}")
        lines.extend(f'sallyport_break_glass_{family}{{account="{name}"}} {value}' for name, value in sorted(samples.items()))
    return "\n".join(lines) + "\n"
