"""The accounts of the realm, brought to the people of the site. Those of the organisation's directory are its own."""

from admin import Refused, quoted
from credentials import forget_sealed, sealed_password

ALL = "/users?briefRepresentation=false&max=1000000"
LOGIN = "login"


def local(account):
    return not account.get("federationLink") and not account.get("origin")


def shut_at_first(person):
    """Until somebody was handed what they sign in with, there is nothing to sign in with."""
    return person["attributes"][LOGIN][0] in ("otp", "break-glass")


class People:
    """`wanted`: [{username, attributes: {name: [values]}, sealed?: true}], the whole truth.
    `sealed`: {folder, recipients} of the emergency accounts' passwords."""

    def __init__(self, admin, wanted, changes, sealed):
        self.admin, self.wanted, self.changes, self.sealed = admin, wanted, changes, sealed

    def converge(self):
        now = {one["username"]: one for one in self.admin.get(ALL) if local(one)}
        for person in self.wanted:
            self.account(person, now.pop(person["username"], None))
        for username, account in now.items():
            if self.changes.make(f"remove {username}"):
                self.admin.delete(f"/users/{account['id']}")
                forget_sealed(self.sealed["folder"], username)

    def account(self, person, found):
        username, sealed, later = person["username"], person.get("sealed", False), shut_at_first(person)
        wanted = {"username": username, "requiredActions": [], "attributes": person["attributes"]}
        if found is None:
            if not self.changes.make(f"add {username}"):
                return
            found = {"id": self.add({**wanted, "enabled": not later})}
        elif self.differs(found, person) and self.changes.make(f"change {username}"):
            another_way = found.get("attributes", {}).get(LOGIN) != person["attributes"][LOGIN]
            if another_way:
                self.forget_credentials(found["id"])
            # Enrolling opens an account; an emergency account that was used up stays shut until it is sealed anew.
            enabled = not later or (found["enabled"] and not another_way)
            spent = {"spent": found["attributes"]["spent"]} if self.spent(found) else {}
            self.admin.put(f"/users/{found['id']}", {**wanted, "enabled": enabled, "attributes": {**wanted["attributes"], **spent}})
        if sealed and not found.get("enabled", False) and not self.spent(found) and self.changes.make(f"seal {username}"):
            sealed_password(self.admin, {**wanted, "id": found["id"]}, **self.sealed)

    def add(self, account):
        """Keycloak makes no account whose name the directory has; once made, it goes before the directory's."""
        try:
            return self.admin.post("/users", account)
        except Refused as reason:
            directory = self.admin.get("/components?type=org.keycloak.storage.UserStorageProvider")
            if reason.status != 409 or not directory:
                raise
            self.switch(directory[0], "false")
            try:
                return self.admin.post("/users", account)
            finally:
                self.switch(directory[0], "true")

    def switch(self, directory, enabled):
        self.admin.put(f"/components/{directory['id']}", {**directory, "config": {**directory["config"], "enabled": [enabled]}})

    def differs(self, found, person):
        values = {name: sorted(values) for name, values in found.get("attributes", {}).items() if name != "spent"}
        wanted = {name: sorted(values) for name, values in person["attributes"].items()}
        shut = not found["enabled"] and not shut_at_first(person)
        return values != wanted or shut or bool(found.get("requiredActions"))

    def spent(self, found):
        return "spent" in found.get("attributes", {})

    def forget_credentials(self, identity):
        """A password and one-time codes of another way to sign in must not stay behind it."""
        for one in self.admin.get(f"/users/{quoted(identity)}/credentials"):
            self.admin.delete(f"/users/{identity}/credentials/{one['id']}")
