/**
 * Says what a host is doing, for an assessment; changes nothing. Given on standard input to `python3 -I -` as root, with
 * `{"depot": ADDRESS, "own": ADDRESS, "port": SSH}` in base64 as its argument: Python's standard library and the host's
 * own ss, nft, sshd, systemctl and podman. Prints one JSON object (facts.ts); what cannot be asked stands in `errors`.
 * Contents of keys, secrets and configuration never leave the host: only names, modes, digests.
 */
export const HOST_PROGRAM = String.raw`
import base64, glob, hashlib, json, os, re, subprocess, sys, time

asked = json.loads(base64.b64decode(sys.argv[1]))
facts, errors = {}, {}
FILTER = "/etc/sallyport/proxy/rules.nft"
MOST = 2000
KEY = re.compile(r"(^|/)(key\.pem|[^/]*(\.key|-key\.pem|\.pk8|\.p12|\.jks|\.keyring|\.secret))$")


def run(*words, seconds=60):
    done = subprocess.run(words, capture_output=True, timeout=seconds, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"})
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words[:3])} ended with {done.returncode}: {done.stderr.decode(errors='replace').strip()[-300:]}")
    return done.stdout.decode(errors="replace")


def read(path, most=1 << 20):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read(most)


def read_or_none(path, most=1 << 20):
    try:
        return read(path, most)
    except FileNotFoundError:
        return None


def digest(path, name="sha256"):
    found = hashlib.new(name)
    try:
        with open(path, "rb") as file:
            while chunk := file.read(1 << 20):
                found.update(chunk)
    except FileNotFoundError:
        return None
    return found.hexdigest()


def section(name):
    def wrap(work):
        try:
            facts[name] = work()
        except Exception as reason:
            errors[name] = f"{type(reason).__name__}: {reason}"[:500]
    return wrap


@section("clock")
def _():
    return time.time()


@section("sockets")
def _():
    found = []
    for line in run("ss", "-Hlntup").splitlines():
        words = line.split()
        address, _, port = words[4].rpartition(":")
        process = re.search(r'"([^"]*)"', line)
        found.append({"protocol": words[0], "address": address, "port": int(port), "process": process[1] if process else ""})
    return found[:MOST]


def process(pid):
    status = dict(line.split(":\t", 1) for line in read(f"/proc/{pid}/status").splitlines() if ":\t" in line)
    mounts = [line.split() for line in read(f"/proc/{pid}/mountinfo", 4 << 20).splitlines()]
    root = [words for words in mounts if words[4] == "/"][-1]
    return {
        "command": status["Name"].strip(),
        "uids": sorted({int(uid) for uid in status["Uid"].split()}),
        "capabilities": {name: status[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapAmb", "CapBnd")},
        "noNewPrivileges": status["NoNewPrivs"].strip() == "1",
        "readOnly": "ro" in root[5].split(","),
    }


def unit_of(pid):
    found = re.search(r"/([^/\n]+\.service)(?:/|$)", read(f"/proc/{pid}/cgroup"), re.MULTILINE)
    return found[1] if found else ""


@section("containers")
def _():
    names = [one["Names"][0] for one in json.loads(run("podman", "ps", "--format", "json") or "[]")]
    known, inside, found = [], set(), []
    for one in json.loads(run("podman", "inspect", *names)) if names else []:
        # What a timer runs may have ended meanwhile.
        try:
            space = os.stat(f"/proc/{one['State']['Pid']}/ns/pid").st_ino
        except OSError:
            continue
        members = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.stat(f"/proc/{pid}/ns/pid").st_ino == space:
                    members.append(process(pid))
                    inside.add(pid)
            except (OSError, IndexError):
                continue
        bindings = (one["HostConfig"].get("PortBindings") or {}).values()
        ports = [f"{binding['HostIp']}:{binding['HostPort']}" for many in bindings for binding in many or []]
        unit = (one["Config"].get("Labels") or {}).get("PODMAN_SYSTEMD_UNIT", "")
        known.append(unit)
        found.append({"name": one["Name"], "unit": unit, "image": one.get("ImageDigest", ""), "ports": ports, "processes": members})
    beside = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            unit = unit_of(pid)
            if pid not in inside and unit and unit in known:
                beside.append({"unit": unit, "uid": os.stat(f"/proc/{pid}").st_uid, "command": read(f"/proc/{pid}/comm").strip()})
        except OSError:
            continue
    return {"running": found[:MOST], "beside": beside[:MOST]}


@section("units")
def _():
    names = [os.path.basename(path).removesuffix(".container") + ".service" for path in glob.glob("/etc/containers/systemd/*.container")]
    names += ["sallyport-firewall.service", "sallyport-certificates.timer", "sallyport-observe.timer"]
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in run("systemctl", "show", "--property=Id,LoadState,ActiveState,Type,Result", "--", *names).strip().split("\n\n")]
    states = {name: {"load": block.get("LoadState", ""), "active": block.get("ActiveState", "")} for name, block in zip(sorted(set(names), key=names.index), blocks)}
    failed = [line.split()[0] for line in run("systemctl", "list-units", "--state=failed", "--plain", "--no-legend", "--no-pager").splitlines() if line.strip()]
    return {"states": states, "failed": failed[:MOST]}


@section("filter")
def _():
    text = read_or_none(FILTER)
    loaded = subprocess.run(["nft", "-s", "list", "table", "inet", "sallyport"], capture_output=True, timeout=30)
    made = "" if text is None else run("unshare", "--net", "--", "sh", "-c", f"nft -f {FILTER} && nft -s list table inet sallyport")
    return {"file": text, "made": made, "loaded": loaded.stdout.decode(errors="replace") if loaded.returncode == 0 else None}


@section("ssh")
def _():
    settings = run("sshd", "-T", "-C", f"user=root,host=depot,addr={asked['depot']},laddr={asked['own']},lport={asked['port']}")
    wanted = ("passwordauthentication", "kbdinteractiveauthentication", "hostbasedauthentication", "permitemptypasswords", "permitrootlogin", "trustedusercakeys", "authorizedkeysfile", "authorizedkeyscommand", "pubkeyauthentication", "port")
    found = {}
    for line in settings.splitlines():
        name, _, value = line.partition(" ")
        if name in wanted:
            found.setdefault(name, []).append(value)
    ca = (found.get("trustedusercakeys") or ["none"])[0]
    keys, home = [], os.path.expanduser("~root")
    for pattern in " ".join(found.get("authorizedkeysfile") or []).split():
        path = os.path.join(home, pattern.replace("%h", home).replace("%u", "root"))
        text = read_or_none(path) if pattern != "none" else None
        keys += [line.strip() for line in (text or "").splitlines() if line.strip() and not line.lstrip().startswith("#")]
    authorities = [] if ca == "none" else [line.strip() for line in (read_or_none(ca) or "").splitlines() if line.strip()]
    return {"settings": found, "authorities": authorities[:100], "keys": keys[:200]}


@section("keys")
def _():
    found = []
    for path in [*glob.iglob("/etc/sallyport/**", recursive=True, include_hidden=True), *glob.iglob("/etc/ssh/ssh_host_*_key")]:
        about = os.lstat(path)
        secret = path.startswith("/etc/sallyport/secrets/")
        if os.path.isfile(path) and not os.path.islink(path) and (secret or path.startswith("/etc/ssh/") or KEY.search(path)):
            found.append({"path": path, "mode": about.st_mode & 0o7777, "uid": about.st_uid, "gid": about.st_gid})
    return sorted(found, key=lambda one: one["path"])[:MOST]


@section("drift")
def _():
    config = json.loads(read("/etc/sallyport/observe.json"))
    about = os.stat(config["report"])
    baseline = json.loads(read_or_none(config["baseline"], 64 << 20) or "{}")
    return {
        "lines": read(config["report"]).splitlines()[:200],
        "age": time.time() - about.st_mtime,
        "program": digest("/usr/local/lib/sallyport/observe"),
        "recorded": baseline.get("recorded"),
        "installed": baseline.get("installed"),
    }


@section("backups")
def _():
    config = json.loads(read("/etc/sallyport/observe.json"))
    newest = {service: 0 for service in config["backedUp"]}
    for path in glob.iglob(f"{glob.escape(config['backups'])}/*/*/manifest.json"):
        service = os.path.basename(os.path.dirname(path))
        newest[service] = max(newest.get(service, 0), int(os.stat(path).st_mtime))
    # What a repository of PostgreSQL's own backups says of itself.
    for path in glob.iglob("/var/lib/sallyport/metrics/*.prom"):
        for service, value in re.findall(r'^sallyport_backup_timestamp_seconds\{service="([^"]*)"\} ([0-9.e+]+)$', read(path), re.MULTILINE):
            newest[service] = max(newest.get(service, 0), int(float(value)))
    return {"newest": newest, "needed": config["backedUp"]}


@section("sources")
def _():
    found = []
    for path in [*glob.glob("/etc/apt/sources.list"), *sorted(glob.glob("/etc/apt/sources.list.d/*"))]:
        text = "\n".join(line for line in read(path).splitlines() if not line.lstrip().startswith("#"))
        if path.endswith(".sources"):
            for block in re.split(r"\n\s*\n", text.strip()):
                says = {key.lower(): value.strip() for key, value in re.findall(r"^([A-Za-z-]+):\s*(.*)$", block, re.MULTILINE)}
                if says and says.get("enabled", "yes") != "no":
                    found += [{"file": path, "uri": uri, "signed": says.get("signed-by", ""), "trusted": says.get("trusted", "")} for uri in says.get("uris", "").split()]
        elif path.endswith(".list"):
            for line in text.splitlines():
                words = re.fullmatch(r"\s*deb(?:-src)?\s+(?:\[([^\]]*)\]\s+)?(\S+).*", line)
                if words:
                    options = dict(one.split("=", 1) for one in (words[1] or "").split() if "=" in one)
                    found.append({"file": path, "uri": words[2], "signed": options.get("signed-by", ""), "trusted": options.get("trusted", "")})
    registries = read_or_none("/etc/containers/registries.conf") or ""
    return {"apt": found[:200], "registries": [line.strip() for line in registries.splitlines() if line.strip() and not line.lstrip().startswith("#")][:50], "more": sorted(glob.glob("/etc/containers/registries.conf.d/*.conf"))[:50]}


@section("program")
def _():
    return digest("/opt/sallyport/bin/sallyport", "sha512")


print(json.dumps({**facts, "errors": errors}))
`
