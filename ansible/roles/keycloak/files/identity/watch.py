"""Use of the emergency accounts: said in the journal and in metrics, and ended when its time is over."""

import os
import time

from admin import quoted
from credentials import forget, sealed_file

CLIENT = "mesh-break-glass"
EVENTS = f"/events?client={CLIENT}&max=1000"


def accounts_of(admin):
    return [one for one in admin.get("/users?briefRepresentation=false&max=1000&q=login:break-glass") if one.get("attributes", {}).get("login") == ["break-glass"]]


def watch(admin, folder, hours, metrics, state):
    """Lines to say. `state`: file with the time of the last event that was said, milliseconds."""
    try:
        with open(state, encoding="ascii") as file:
            said = int(file.read())
    except (FileNotFoundError, ValueError):
        said = 0
    lines, values = [], {"last_use_seconds": {}, "open": {}, "sealed": {}, "refused_total": {}}
    events = sorted(admin.get(EVENTS), key=lambda one: one["time"])
    accounts = accounts_of(admin)
    for event in events:
        if event["time"] > said:
            lines.append(sentence(event, accounts))
    for account in accounts:
        name = account["username"]
        uses = [one["time"] / 1000 for one in events if one["type"] == "LOGIN" and one.get("userId") == account["id"]]
        sealed_at = last_sealed(admin, account["id"])
        uses_since = [one for one in uses if one > sealed_at]
        if account["enabled"] and uses_since and time.time() - uses_since[0] > hours * 3600:
            spend(admin, account)
            account["enabled"] = False
            lines.append(f"emergency account {name} is shut: it was opened {hours} hours ago")
        values["last_use_seconds"][name] = int(uses[-1]) if uses else 0
        values["open"][name] = 1 if account["enabled"] and uses_since else 0
        values["sealed"][name] = 1 if os.path.exists(sealed_file(folder, name)) else 0
        values["refused_total"][name] = sum(one["type"] == "LOGIN_ERROR" and one.get("userId") == account["id"] for one in events)
    write_metrics(metrics, values)
    if events and events[-1]["time"] > said:
        write(state, f"{events[-1]['time']}\n", 0o600)
    return lines


def sentence(event, accounts):
    name = next((one["username"] for one in accounts if one["id"] == event.get("userId")), event.get("details", {}).get("username", "unknown"))
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(event["time"] / 1000))
    verb = "was used" if event["type"] == "LOGIN" else f"was tried in vain ({event.get('error', event['type'])})"
    return f"emergency account {name} {verb} at {moment} from {event.get('ipAddress', 'unknown')}"


def last_sealed(admin, identity):
    """Seconds; the password in force was made then."""
    made = [one.get("createdDate", 0) for one in admin.get(f"/users/{quoted(identity)}/credentials") if one["type"] == "password"]
    return max(made, default=0) / 1000


def spend(admin, account):
    attributes = {**account["attributes"], "spent": [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())]}
    admin.put(f"/users/{account['id']}", {"username": account["username"], "enabled": False, "requiredActions": [], "attributes": attributes})
    forget(admin, account["id"], ("password",))
    admin.ask("POST", f"/users/{account['id']}/logout")


def write_metrics(path, values):
    lines = []
    for family, samples in values.items():
        lines.append(f"# TYPE sallyport_break_glass_{family} {'counter' if family.endswith('_total') else 'gauge'}")
        lines.extend(f'sallyport_break_glass_{family}{{account="{name}"}} {value}' for name, value in sorted(samples.items()))
    write(path, "\n".join(lines) + "\n", 0o644)


def write(path, content, mode):
    part = f"{path}.part"
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="ascii") as file:
        file.write(content)
        os.fchmod(file.fileno(), mode)
    os.rename(part, path)
