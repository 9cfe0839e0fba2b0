"""Knocks at listeners of the mesh, many times in one go, and says how each was answered. Runs on a host of the enclave.

stdin   {"address", "ca", "identities": {name: {"key", "certificate"}}, "attempts": [attempt...], "seconds"}
attempt {"id", "protocol": "https"|"postgresql", "port", "name", "identity": name or null, "method", "path", "headers",
         "user", "database", "every"}: with `every`, one connection that asks again every so many seconds until it ends
stdout  one line of JSON an answer: {"id", "from": local port, "stage": "connect"|"tls"|"answer", "code", "text", "at"}
"""

import concurrent.futures
import http.client as http_client
import json
import socket
import ssl
import struct
import sys
import tempfile
import time

LIMIT = 20
request = json.load(sys.stdin)


def context_of(identity):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(cadata=request["ca"])
    if identity is not None:
        own = request["identities"][identity]
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(own["key"] + own["certificate"])
            file.flush()
            context.load_cert_chain(file.name)
    return context


contexts = {identity: context_of(identity) for identity in {attempt["identity"] for attempt in request["attempts"]}}


def say(attempt, port, stage, code=None, text=""):
    words = {"id": attempt["id"], "from": port, "stage": stage, "code": code, "text": text[:200], "at": time.time()}
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def http(connection, attempt, last):
    lines = [f"{attempt['method']} {attempt['path']} HTTP/1.1", f"Host: {attempt['name']}:{attempt['port']}", "Content-Length: 0"]
    lines += [f"{name}: {value}" for name, value in attempt.get("headers", {}).items()] + (["Connection: close"] if last else [])
    connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    response = http_client.HTTPResponse(connection, method=attempt["method"])
    response.begin()
    # To the end: who hangs up before breaks a connection off.
    return response.status, response.read().decode("latin-1")


def postgresql(connection, attempt):
    words = b"".join(f"{key}\0{attempt[key]}\0".encode() for key in ("user", "database")) + b"\0"
    connection.sendall(struct.pack("!II", len(words) + 8, 196608) + words)
    data = b""
    while len(data) < 9:
        more = connection.recv(4096)
        if not more:
            raise ConnectionError("closed without an answer")
        data += more
    granted = data[:1] == b"R" and data[5:9] == b"\0\0\0\0"
    return (200 if granted else 403), data[5:].replace(b"\0", b" ").decode("utf-8", "replace")


def knock(attempt):
    port, stage = 0, "connect"
    try:
        with socket.create_connection((request["address"], attempt["port"]), timeout=LIMIT) as plain:
            port, stage = plain.getsockname()[1], "tls"
            if attempt["protocol"] == "postgresql":
                plain.sendall(struct.pack("!II", 8, 80877103))
                if plain.recv(1) != b"S":
                    raise ConnectionError("no TLS")
            # A refused certificate is heard of with the first read only: TLS 1.3 lets the client finish first.
            with contexts[attempt["identity"]].wrap_socket(plain, server_hostname=attempt["name"]) as connection:
                if attempt["protocol"] == "postgresql":
                    return say(attempt, port, "answer", *postgresql(connection, attempt))
                if "every" not in attempt:
                    return say(attempt, port, "answer", *http(connection, attempt, True))
                while time.time() < until:
                    say(attempt, port, "answer", *http(connection, attempt, False))
                    time.sleep(attempt["every"])
    except (OSError, http_client.HTTPException) as error:
        say(attempt, port, stage, None, str(error))


until = time.time() + request.get("seconds", 0)
steady = [attempt for attempt in request["attempts"] if "every" in attempt]
with concurrent.futures.ThreadPoolExecutor(max_workers=max(4, len(steady))) as pool:
    list(pool.map(knock, request["attempts"]))
