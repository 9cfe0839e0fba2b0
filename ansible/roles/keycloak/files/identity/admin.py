"""Keycloak's admin interface on the loopback, as the one client that may administer it."""

import http.client
import json
import time
import urllib.parse

SECONDS = 30
TOKEN_SECONDS = 40
MAX_BYTES = 256 << 20


class Refused(Exception):
    """Keycloak said no, or not what it should; the text holds no secret."""

    def __init__(self, text, status=0):
        super().__init__(text)
        self.status = status


def quoted(text):
    return urllib.parse.quote(text, safe="")


class Admin:
    """`url`: http://127.0.0.1:PORT. The secret is read when a token is wanted, and never kept."""

    def __init__(self, url, client, secret_file, realm="mesh"):
        parts = urllib.parse.urlsplit(url)
        self.place = (parts.hostname, parts.port)
        self.client, self.secret_file, self.realm = client, secret_file, realm
        self.token, self.since = None, 0.0

    def exchange(self, method, path, body, headers):
        connection = http.client.HTTPConnection(*self.place, timeout=SECONDS)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            content = answer.read(MAX_BYTES)
            return answer.status, content, answer.headers.get("Location", "")
        except OSError as error:
            raise Refused(f"Keycloak does not answer at {self.place[0]}:{self.place[1]}: {error}") from None
        finally:
            connection.close()

    def bearer(self):
        if self.token is None or time.monotonic() - self.since > TOKEN_SECONDS:
            with open(self.secret_file, encoding="ascii") as file:
                secret = file.read().strip()
            form = {"grant_type": "client_credentials", "client_id": self.client, "client_secret": secret}
            status, content, _ = self.exchange(
                "POST",
                "/realms/master/protocol/openid-connect/token",
                urllib.parse.urlencode(form),
                {"Content-Type": "application/x-www-form-urlencoded"},
            )
            if status != 200:
                raise Refused(f"the administrator’s secret in {self.secret_file} is not accepted (status {status})")
            self.token, self.since = json.loads(content)["access_token"], time.monotonic()
        return self.token

    def forget(self):
        """A token does not know a realm that was made after it."""
        self.token = None

    def ask(self, method, path, body=None, accept=(200, 201, 204)):
        """(parsed answer or None, last part of Location); `path` is below the realm. Throws Refused."""
        headers = {"Authorization": f"Bearer {self.bearer()}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        whole = "/admin/realms" if path is None else f"/admin/realms/{self.realm}{path}"
        sent = None if body is None else json.dumps(body).encode()
        status, content, location = self.exchange(method, whole, sent, headers)
        if status not in accept:
            raise Refused(f"{method} {whole}: status {status}, {content[:300].decode(errors='replace')}", status)
        parsed = json.loads(content) if content and status == 200 else None
        return parsed, location.rsplit("/", 1)[-1]

    def get(self, path):
        return self.ask("GET", path)[0]

    def find(self, path):
        """None when it does not exist."""
        return self.ask("GET", path, accept=(200, 404))[0]

    def post(self, path, body):
        """Id of what was made."""
        return self.ask("POST", path, body)[1]

    def put(self, path, body):
        self.ask("PUT", path, body)

    def delete(self, path, body=None):
        self.ask("DELETE", path, body)
