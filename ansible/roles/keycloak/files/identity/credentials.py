"""What a person is handed once: a password and the seed of one-time codes, or the sealed password of an emergency."""

import base64
import json
import os
import secrets
import urllib.parse

from admin import Refused, quoted
from envelope import ENVELOPE, envelope

# Without the letters and digits that are taken for one another on paper.
ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
GROUP, GROUPS = 5, 5
SEED_BYTES = 32


def new_password():
    """About 145 bits, in groups that can be typed from paper."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(GROUP)) for _ in range(GROUPS))


def account_of(admin, username):
    """The account of exactly this name: the site's own, or else that of the directory, as at signing in. Throws Refused."""
    found = admin.get(f"/users?exact=true&briefRepresentation=false&username={quoted(username)}")
    own = [account for account in found if not account["id"].startswith("f:")]
    if len(own or found) != 1:
        count = f"{len(found)} accounts" if found else "no account"
        raise Refused(f"there is {count} {username} in the realm mesh")
    return (own or found)[0]


def forget(admin, identity, kinds):
    for one in admin.get(f"/users/{identity}/credentials"):
        if one["type"] in kinds and one.get("id"):
            admin.delete(f"/users/{identity}/credentials/{one['id']}")


def enrol(admin, username, issuer, policy):
    """Gives a person a password and a seed in place of whatever they had. People of the directory keep its password.
    Answers {username, password?, otpauth}; nothing of it is kept in clear."""
    account = account_of(admin, username)
    login = account.get("attributes", {}).get("login", ["directory"])[0]
    if login not in ("otp", "directory"):
        raise Refused(f"{username} does not sign in by password and one-time code: say `login: otp` in site.yaml and converge first")
    seed = secrets.token_bytes(SEED_BYTES)
    text = base64.b32encode(seed).decode().rstrip("=")
    credential = {
        "type": "otp",
        "userLabel": "enrolled",
        "secretData": json.dumps({"value": text}),
        "credentialData": json.dumps({**policy, "subType": "totp", "counter": 0, "secretEncoding": "BASE32"}),
    }
    own = login == "otp"
    forget(admin, account["id"], ("otp", "password") if own else ("otp",))
    given = [credential]
    answer = {"username": username}
    if own:
        answer["password"] = new_password()
        given.append({"type": "password", "value": answer["password"], "temporary": False})
    # Without its attributes an account would lose them.
    kept = {key: account[key] for key in ("username", "attributes") if key in account}
    admin.put(f"/users/{account['id']}", {**kept, "enabled": True, "requiredActions": [], "credentials": given})
    if not any(one["type"] == "otp" for one in admin.get(f"/users/{account['id']}/credentials")):
        raise Refused(f"Keycloak did not take the one-time code of {username}")
    admin.ask("DELETE", f"/attack-detection/brute-force/users/{account['id']}")
    label = urllib.parse.quote(f"{issuer}:{username}")
    words = urllib.parse.urlencode(
        {"secret": text, "issuer": issuer, "algorithm": policy["algorithm"].removeprefix("Hmac"), "digits": policy["digits"], "period": policy["period"]},
        quote_via=urllib.parse.quote,
    )
    return {**answer, "otpauth": f"otpauth://totp/{label}?{words}"}


def sealed_file(folder, username):
    return os.path.join(folder, username)


def sealed_password(admin, account, folder, recipients):
    """Opens an emergency account with another password, which lies sealed on the host until it is handed over. The file
    comes first, the account is opened last: a run that was cut off in between is taken up by the next with a new one."""
    password = new_password()
    keep(sealed_file(folder, account["username"]), envelope(password, recipients) or f"{password}\n")
    admin.put(f"/users/{account['id']}/reset-password", {"type": "password", "value": password, "temporary": False})
    kept = {key: value for key, value in account["attributes"].items() if key != "spent"}
    admin.put(f"/users/{account['id']}", {"username": account["username"], "enabled": True, "requiredActions": [], "attributes": kept})


def keep(path, text, mode=0o600):
    """Puts a file into place by one rename."""
    with open(os.open(f"{path}.part", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
    os.rename(f"{path}.part", path)


def forget_sealed(folder, username):
    if os.path.exists(sealed_file(folder, username)):
        os.unlink(sealed_file(folder, username))


def hand_over(folder, username):
    """The sealed password, once: afterwards the host has it no more."""
    path = sealed_file(folder, username)
    try:
        with open(path, encoding="ascii") as file:
            text = file.read().strip()
    except FileNotFoundError:
        raise Refused(f"the password of {username} was handed over already; `sallyport-identity seal` makes another one") from None
    os.unlink(path)
    return {"username": username, "sealed" if text.startswith(ENVELOPE) else "password": text}


def seal_anew(admin, folder, username, recipients):
    """Another password for an emergency account that was used, or whose envelope was opened or lost."""
    account = account_of(admin, username)
    if account.get("attributes", {}).get("login") != ["break-glass"]:
        raise Refused(f"{username} is no emergency account")
    admin.ask("DELETE", f"/attack-detection/brute-force/users/{account['id']}")
    sealed_password(admin, account, folder, recipients)
