"""An API server of a hundred lines: enough of HTTP and of object storage to hold Jobs and Secrets."""

import itertools
import json
import threading
from collections import deque
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from kubernetes import client


class FakeApi(ThreadingHTTPServer):
    """Keeps objects by path. `answers` holds status codes to give before anything else is done."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        shop = {"metadata": {"name": "shop", "labels": {}}}
        self.objects: dict[str, dict] = {"/api/v1/namespaces/shop": shop}
        self.requests: list[tuple[str, str]] = []
        self.answers: deque[int] = deque()
        self.numbers = itertools.count(1)

    @property
    def api_client(self) -> client.ApiClient:
        """A client of this server."""
        settings = client.Configuration()
        settings.host = f"http://127.0.0.1:{self.server_port}"
        settings.retries = False
        return client.ApiClient(settings)

    def of_kind(self, plural: str) -> list[dict]:
        """The objects of one kind."""
        return [item for path, item in self.objects.items() if f"/{plural}/" in path]


class Handler(BaseHTTPRequestHandler):
    server: FakeApi
    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments) -> None:
        """Stay silent."""

    def answer(self, status: int, body: dict) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def handle_request(self) -> None:
        path, size = urlsplit(self.path).path, int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size)) if size else {}
        self.server.requests.append((self.command, path))
        if self.server.answers:
            status = self.server.answers.popleft()
            self.answer(status, {"kind": "Status", "code": status, "message": "as the test says"})
            return
        objects = self.server.objects
        if self.command == "POST":
            path = f"{path}/{body['metadata']['name']}"
            if path in objects:
                self.answer(409, {"kind": "Status", "code": 409, "reason": "AlreadyExists"})
                return
            body["metadata"]["uid"] = f"uid-{next(self.server.numbers)}"
            objects[path] = body
            self.answer(201, body)
        elif self.command == "GET" and path.endswith(("/networkpolicies", "/jobs", "/pods")):
            kinds = {"networkpolicies": "NetworkPolicyList", "jobs": "JobList", "pods": "PodList"}
            plural = path.rpartition("/")[2]
            self.answer(200, {"kind": kinds[plural], "items": self.server.of_kind(plural)})
        elif path not in objects:
            self.answer(404, {"kind": "Status", "code": 404, "reason": "NotFound"})
        elif self.command == "DELETE":
            self.answer(200, objects.pop(path))
        else:
            if self.command == "PUT":
                objects[path] = body
            if self.command == "PATCH":
                objects[path]["spec"] |= body.get("spec", {})
                metadata = objects[path]["metadata"]
                metadata["labels"] = metadata.get("labels", {}) | body.get("metadata", {}).get("labels", {})
            self.answer(200, objects[path])

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_request  # noqa: N815 - named by the protocol


@pytest.fixture
def api() -> Iterator[FakeApi]:
    """A fresh API server."""
    server = FakeApi()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
