"""A server that speaks what we use of Alibaba Cloud's Container Service API, and checks every signature.

Written from the public documentation of the API (2015-12-15) and of signature method V3 (ACS3-HMAC-SHA256),
not from the SDK: what the SDK signs is verified by an implementation of its own.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

KEY_ID, KEY_SECRET = "LTAI-test", "the-secret-of-the-key"
REGION = "cn-hangzhou"
AGENT = """apiVersion: v1
kind: Namespace
metadata: {name: ack-agent}
---
apiVersion: v1
kind: Secret
metadata: {name: ack-credential, namespace: ack-agent}
stringData: {token: agent-token-%s}
"""


@dataclass
class FakeContainerService:
    """The account's clusters, and what shall go wrong.

    :param troubles: answers to give before anything else is done, as (status, code, headers).
    """

    address: str = ""
    clusters: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    pools: list[dict[str, Any]] = field(default_factory=list)
    addons: list[dict[str, Any]] = field(default_factory=list)
    troubles: deque[tuple[int, str, dict[str, str]]] = field(default_factory=deque)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    security_token: str = ""
    polls_until_ready: int = 2
    task_fails: bool = False

    def add(self, name: str, kind: str = "ManagedKubernetes", state: str = "running") -> str:
        """Have one more cluster."""
        number = f"c{len(self.clusters):032x}"
        self.clusters[number] = {
            "cluster_id": number, "name": name, "cluster_type": kind, "state": state,
            "current_version": "1.32.1-aliyun.1",
        }  # fmt: skip
        return number

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        """Make a cluster, once a token; it is `initial` until it has been looked at some times."""
        self.bodies.append(body)
        number = self.tokens.get(body.get("client_token", ""))
        if number is None:
            number = self.add(body["name"], body["cluster_type"], "initial")
            self.clusters[number]["polls"] = self.polls_until_ready
            self.tokens[body.get("client_token", "")] = number
        return {"cluster_id": number, "task_id": f"T-{number}", "request_id": "r-create"}

    def grow(self) -> None:
        """Let time pass: what is being made gets on."""
        for cluster in self.clusters.values():
            if cluster["state"] == "initial":
                cluster["polls"] -= 1
                if cluster["polls"] <= 0:
                    cluster["state"] = (
                        "waiting" if cluster["cluster_type"] == "ExternalKubernetes" else "running"
                    )

    def kubeconfig(self, number: str, query: dict[str, str]) -> dict[str, Any]:
        """A kubeconfig that tells how it was asked for."""
        minutes = int(query.get("TemporaryDurationMinutes", "0"))
        host = "10.0.0.1" if query.get("PrivateIpAddress", "").lower() == "true" else "203.0.113.7"
        config = {"apiVersion": "v1", "kind": "Config", "current-context": "c",
                  "clusters": [{"name": "c", "cluster": {"server": f"https://{host}:6443"}}],
                  "users": [{"name": "u", "user": {"token": f"{number}-{len(self.asked)}"}}],
                  "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}  # fmt: skip
        expires = datetime.now(UTC) + timedelta(minutes=minutes)
        return {"config": json.dumps(config), "expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ")}

    def answer(  # noqa: PLR0911 - one line an operation
        self, method: str, path: str, query: dict[str, str], body: dict[str, Any]
    ) -> tuple[int, Any]:
        """Do what the documentation says."""
        parts = path.strip("/").split("/")
        match (method, parts):
            case ("POST", ["clusters"]):
                return 202, self.create(body)
            case ("GET", ["api", "v1", "clusters"]):
                self.grow()
                return 200, self.page(query)
            case ("GET", ["tasks", task]):
                state = "fail" if self.task_fails else "running"
                error = {"code": "QuotaExceeded", "message": "no more clusters"} if self.task_fails else {}
                return 200, {"task_id": task, "state": state, "error": error}
            case ("GET", [_, number, *_]) if number not in self.clusters:
                return 404, {"code": "ErrorClusterNotFound", "message": f"cluster {number} not found"}
            case ("GET", ["k8s", number, "external", "agent", "deployment"]):
                return 200, {"config": AGENT % query.get("PrivateIpAddress")}
            case ("GET", ["k8s", number, "user_config"]):
                return 200, self.kubeconfig(number, query)
            case ("GET", ["clusters", _, "nodepools"]):
                return 200, {"nodepools": self.pools}
            case ("GET", ["clusters", _, "addon_instances"]):
                return 200, {"addons": self.addons}
        return 404, {"code": "InvalidAction.NotFound", "message": path}

    def page(self, query: dict[str, str]) -> dict[str, Any]:
        """Clusters whose name has the text in it, as the API searches."""
        size, number = int(query.get("page_size", "10")), int(query.get("page_number", "1"))
        name, number_wanted = query.get("name", ""), query.get("cluster_id")
        found = [
            {key: value for key, value in one.items() if key != "polls"}
            for one in self.clusters.values()
            if name in one["name"] and number_wanted in {None, one["cluster_id"]}
        ]
        info = {"page_number": number, "page_size": size, "total_count": len(found)}
        return {"clusters": found[(number - 1) * size : number * size], "page_info": info}

    def refusal(self, method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> str | None:
        """Verify a request's signature (method V3); returns the error's code."""
        algorithm, _, rest = headers.get("authorization", "").partition(" ")
        given = dict(part.split("=", 1) for part in rest.split(",") if "=" in part)
        if algorithm != "ACS3-HMAC-SHA256" or given.get("Credential") != KEY_ID:
            return "InvalidAccessKeyId.NotFound"
        if headers.get("x-acs-security-token", "") != self.security_token:
            return "InvalidSecurityToken.Mismatch"
        payload = hashlib.sha256(body).hexdigest()
        if headers.get("x-acs-content-sha256") != payload or headers.get("x-acs-version") != "2015-12-15":
            return "SignatureDoesNotMatch"
        names = given["SignedHeaders"].split(";")
        needed = ["action", "content-sha256", "date", "signature-nonce", "version"]
        if not {"host", *(f"x-acs-{name}" for name in needed)} <= set(names):
            return "IncompleteSignature"
        pairs = sorted(parse_qsl(query, keep_blank_values=True))
        canonical = "\n".join([
            method, quote(unquote(path), safe="/~"),
            "&".join(f"{quote(key, safe='~')}={quote(value, safe='~')}" for key, value in pairs),
            "".join(f"{name}:{headers.get(name, '').strip()}\n" for name in sorted(names)),
            ";".join(sorted(names)), payload,
        ])  # fmt: skip
        to_sign = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.new(KEY_SECRET.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
        return None if hmac.compare_digest(signature, given.get("Signature", "")) else "SignatureDoesNotMatch"


@contextmanager
def serving() -> Iterator[FakeContainerService]:
    """Serve on a free port of this machine."""
    fake = FakeContainerService()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(fake))
    server.daemon_threads = True
    fake.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(fake: FakeContainerService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {key.lower(): value for key, value in self.headers.items()}
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            if code := fake.refusal(self.command, parts.path, parts.query, headers, body):
                self.reply(403 if "Signature" in code else 404, {"code": code, "message": "refused"}, {})
                return
            fake.asked.append((self.command, parts.path, query))
            if fake.troubles:
                status, code, more = fake.troubles.popleft()
                self.reply(status, {"code": code, "message": "as the test says"}, more)
                return
            status, found = fake.answer(self.command, parts.path, query, json.loads(body) if body else {})
            self.reply(status, found, {})

        def reply(self, status: int, body: dict[str, Any], headers: dict[str, str]) -> None:
            if status >= 400:
                body = body | {"request_id": "7E2A-1", "requestId": "7E2A-1"}
            content = json.dumps(body).encode()
            self.send_response(status)
            for name, value in ({"Content-Type": "application/json"} | headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: object) -> None:
            """Stay silent."""

        do_GET = do_POST = handle_any  # noqa: N815 - named by the protocol

    return Handler
