"""How somebody proves who they are: the authentication flows of the realm."""

from admin import quoted


class Flows:
    """`wanted`: [{alias, description, executions}]; an execution is {authenticator, requirement, config?} or
    {flow, requirement, executions}."""

    def __init__(self, admin, wanted, changes):
        self.admin, self.wanted, self.changes = admin, wanted, changes

    def converge(self):
        now = {one["alias"] for one in self.admin.get("/authentication/flows")}
        wrong = [flow for flow in self.wanted if flow["alias"] not in now or self.found(flow["alias"]) != self.flat(flow["executions"])]
        wrong = [flow for flow in wrong if self.changes.make(f"flow {flow['alias']}")]
        if not wrong:
            return
        # Half a flow may let somebody in who should not be: the realm is closed until its settings are put back, which
        # is the last thing that a run does.
        self.admin.put("", {"enabled": False})
        for flow in wrong:
            self.rebuild(flow, flow["alias"] in now)

    def found(self, alias):
        """(level, what, requirement, configuration) of each step, in order."""
        return [
            (step["level"], self.name_of(step), step["requirement"], self.config_of(step))
            for step in self.admin.get(f"/authentication/flows/{quoted(alias)}/executions")
        ]

    def name_of(self, step):
        return f"flow {step['displayName']}" if step.get("authenticationFlow") else step["providerId"]

    def config_of(self, step):
        identity = step.get("authenticationConfig")
        return self.admin.get(f"/authentication/config/{identity}")["config"] if identity else {}

    def flat(self, executions, level=0):
        steps = []
        for one in executions:
            name = f"flow {one['flow']}" if "flow" in one else one["authenticator"]
            steps.append((level, name, one["requirement"], one.get("config", {})))
            steps.extend(self.flat(one.get("executions", []), level + 1))
        return steps

    def rebuild(self, flow, exists):
        alias = flow["alias"]
        if exists:
            for step in self.admin.get(f"/authentication/flows/{quoted(alias)}/executions"):
                if step["level"] == 0:
                    self.admin.delete(f"/authentication/executions/{step['id']}")
        else:
            self.admin.post("/authentication/flows", {
                "alias": alias,
                "description": flow["description"],
                "providerId": "basic-flow",
                "topLevel": True,
                "builtIn": False,
            })
        self.fill(alias, alias, flow["executions"])

    def fill(self, top, alias, executions):
        below = f"/authentication/flows/{quoted(alias)}/executions"
        for one in executions:
            if "flow" in one:
                self.admin.post(f"{below}/flow", {"alias": one["flow"], "description": "", "provider": "", "type": "basic-flow"})
            else:
                self.admin.post(f"{below}/execution", {"provider": one["authenticator"]})
            # The newest step of this flow is its last.
            step = self.admin.get(below)
            made = [each for each in step if each["level"] == 0][-1]
            self.admin.put(below, {**made, "requirement": one["requirement"]})
            if one.get("config"):
                self.admin.post(f"/authentication/executions/{made['id']}/config", {"alias": f"{top} {self.name_of(made)}", "config": one["config"]})
            if "flow" in one:
                self.fill(top, one["flow"], one["executions"])
