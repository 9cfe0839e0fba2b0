"""The realm as it runs, brought to the realm as this release wants it. What was altered by hand is put back."""

from admin import quoted
from flows import Flows


def lists_sorted(value):
    """Keycloak gives names in no order."""
    if isinstance(value, dict):
        return {key: lists_sorted(one) for key, one in value.items()}
    if isinstance(value, list):
        return sorted((lists_sorted(one) for one in value), key=repr)
    return value


def holds(found, wanted):
    """Whether every wanted field is found with the wanted value; fields besides are Keycloak's own."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(holds(found.get(key), value) for key, value in wanted.items())
    return lists_sorted(found) == lists_sorted(wanted)


class Realm:
    def __init__(self, admin, wanted, changes):
        self.admin, self.wanted, self.changes = admin, wanted, changes

    def converge(self):
        now = self.admin.find("")
        if now is None:
            if not self.changes.make("realm"):
                return
            # Closed until everything that guards it is in place.
            self.admin.post(None, {
                "realm": "mesh",
                "enabled": False,
                "sslRequired": "all",
                "components": {"org.keycloak.keys.KeyProvider": self.wanted["keys"]},
            })
            self.admin.forget()
            now = self.admin.get("")
        self.profile()
        self.keys(now["id"])
        Flows(self.admin, self.wanted["flows"], self.changes).converge()
        self.clients()
        self.directory(now["id"])
        now = self.admin.get("")
        if not holds(now, self.wanted["realm"]) and self.changes.make("settings of the realm"):
            self.admin.put("", self.wanted["realm"])

    def profile(self):
        if self.admin.get("/users/profile") != self.wanted["profile"] and self.changes.make("user profile"):
            self.admin.put("/users/profile", self.wanted["profile"])

    def keys(self, realm_id):
        """A key that somebody added could sign tokens: only those of the release stay."""
        path = "/components?type=org.keycloak.keys.KeyProvider"
        now = {one["name"]: one for one in self.admin.get(path)}
        for wanted in self.wanted["keys"]:
            found = now.pop(wanted["name"], None)
            if found is None and self.changes.make(f"key {wanted['name']}"):
                self.admin.post("/components", {**wanted, "providerType": "org.keycloak.keys.KeyProvider", "parentId": realm_id})
            elif found and not holds(found["config"], wanted["config"]) and self.changes.make(f"key {wanted['name']}"):
                self.admin.put(f"/components/{found['id']}", {**found, "config": {**found["config"], **wanted["config"]}})
        for name, found in now.items():
            if self.changes.make(f"remove key {name}"):
                self.admin.delete(f"/components/{found['id']}")

    def clients(self):
        flows = {one["alias"]: one["id"] for one in self.admin.get("/authentication/flows")}
        now = {one["clientId"]: one for one in self.admin.get("/clients?max=1000")}
        for one in self.wanted["clients"]:
            name = one["clientId"]
            # A service has no flow: it proves itself as a client, by its certificate.
            bound = {"direct_grant": flows.get(one["flow"], "")} if "flow" in one else {}
            wanted = {key: value for key, value in one.items() if key != "flow"} | {"authenticationFlowBindingOverrides": bound}
            found = now.pop(name, None)
            if found and self.same_client(found, wanted):
                continue
            if self.changes.make(f"client {name}"):
                # A client holds nothing worth keeping; made anew, nothing of an altered one stays.
                if found:
                    self.admin.delete(f"/clients/{found['id']}")
                self.admin.post("/clients", wanted)
        for name, found in now.items():
            if found["enabled"] and not found.get("bearerOnly") and self.changes.make(f"switch off client {name}"):
                self.admin.put(f"/clients/{found['id']}", {**found, "enabled": False})

    def same_client(self, found, wanted):
        mappers = [{one["name"]: [one["protocolMapper"], one["config"]] for one in side.get("protocolMappers", [])} for side in (found, wanted)]
        rest = {key: value for key, value in wanted.items() if key != "protocolMappers"}
        if wanted.get("serviceAccountsEnabled"):
            # Keycloak adds it to the client of a service by itself.
            rest["defaultClientScopes"] = ["service_account", *wanted["defaultClientScopes"]]
        return mappers[0] == mappers[1] and holds(found, rest)

    def directory(self, realm_id):
        """The organisation's own directory (LDAP, Active Directory), which is read and never written."""
        wanted = self.wanted["directory"]
        now = self.admin.get("/components?type=org.keycloak.storage.UserStorageProvider")
        for other in [one for one in now if wanted is None or one["name"] != wanted["name"]]:
            if self.changes.make(f"remove directory {other['name']}"):
                self.admin.delete(f"/components/{other['id']}")
        if wanted is None:
            return
        found = next((one for one in now if one["name"] == wanted["name"]), None)
        component = {
            "name": wanted["name"],
            "providerId": "ldap",
            "providerType": "org.keycloak.storage.UserStorageProvider",
            "parentId": realm_id,
            "config": wanted["config"],
        }
        if found is None:
            if not self.changes.make("directory"):
                return
            identity = self.admin.post("/components", component)
        else:
            identity = found["id"]
            if not self.same_directory(found["config"], wanted["config"]) and self.changes.make("directory"):
                # Not made anew: that would forget the one-time codes of its people.
                self.admin.put(f"/components/{identity}", {**component, "id": identity})
        self.mappers(identity, wanted["mappers"])

    def same_directory(self, found, wanted):
        # Keycloak shows a secret as stars, a reference to the vault too.
        plain = {key: value for key, value in wanted.items() if key != "bindCredential"}
        return holds(found, plain) and "bindCredential" in found

    def mappers(self, directory, wanted):
        kind = "org.keycloak.storage.ldap.mappers.LDAPStorageMapper"
        now = {one["name"]: one for one in self.admin.get(f"/components?parent={quoted(directory)}&type={kind}")}
        for one in wanted:
            found = now.pop(one["name"], None)
            if found and found["providerId"] == one["providerId"] and holds(found["config"], one["config"]):
                continue
            if self.changes.make(f"attribute of the directory: {one['name']}"):
                if found:
                    self.admin.delete(f"/components/{found['id']}")
                self.admin.post("/components", {**one, "providerType": kind, "parentId": directory})
        for name, found in now.items():
            if self.changes.make(f"remove attribute of the directory: {name}"):
                self.admin.delete(f"/components/{found['id']}")
