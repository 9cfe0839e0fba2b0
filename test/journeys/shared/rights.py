"""Says with which rights the containers of a host run, and what else of theirs runs beside them. Runs as root there.

stdout  {"containers": [{"name", "unit", "ports": [...], "processes": [process...]}], "beside": [{"unit", "uid", "command"}]}
process {"command", "uids", "capabilities": hex of every set but the bounding one, "bounding", "noNewPrivileges", "readOnly"}
"""

import json
import os
import re
import subprocess


def podman(*words):
    return json.loads(subprocess.run(["podman", *words], check=True, capture_output=True, text=True).stdout or "[]")


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def process(pid):
    status = dict(line.split(":\t", 1) for line in read(f"/proc/{pid}/status").splitlines() if ":\t" in line)
    mounts = [line.split() for line in read(f"/proc/{pid}/mountinfo").splitlines()]
    root = [words for words in mounts if words[4] == "/"][-1]
    return {
        "command": status["Name"].strip(),
        "uids": sorted({int(uid) for uid in status["Uid"].split()}),
        "capabilities": {name: status[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")},
        "bounding": status["CapBnd"].strip(),
        "noNewPrivileges": status["NoNewPrivs"].strip() == "1",
        "readOnly": "ro" in root[5].split(","),
    }


def unit_of(pid):
    found = re.search(r"/([^/\n]+\.service)(?:/|$)", read(f"/proc/{pid}/cgroup"), re.MULTILINE)
    return found[1] if found else ""


inside, containers = set(), []
names = [one["Names"][0] for one in podman("ps", "--format", "json")]
for one in podman("inspect", *names) if names else []:
    space = os.stat(f"/proc/{one['State']['Pid']}/ns/pid").st_ino
    members = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.stat(f"/proc/{pid}/ns/pid").st_ino == space:
                members.append(process(pid))
                inside.add(pid)
        except (OSError, IndexError):
            continue
    bindings = (one["HostConfig"].get("PortBindings") or {}).values()
    ports = [f"{binding['HostIp']}:{binding['HostPort']}" for many in bindings for binding in many]
    containers.append({"name": one["Name"], "unit": one["Config"]["Labels"].get("PODMAN_SYSTEMD_UNIT", ""), "ports": ports, "processes": members})

units = {one["unit"] for one in containers}
beside = []
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        if pid not in inside and unit_of(pid) in units:
            beside.append({"unit": unit_of(pid), "uid": os.stat(f"/proc/{pid}").st_uid, "command": read(f"/proc/{pid}/comm").strip()})
    except OSError:
        continue
print(json.dumps({"containers": containers, "beside": beside}))
