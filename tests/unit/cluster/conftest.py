"""A stand-in for an API server that answers what a test tells it to, over real HTTP."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from kubernetes import client

from migration_ops.cluster import Cluster

Answer = Callable[["Asked"], "Reply"]


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Reply:
    """One answer; `cut` breaks the connection in the middle of the body."""

    body: Any = field(default_factory=dict)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False


@dataclass
class FakeServer:
    """Answers paths with functions, and remembers what was asked."""

    address: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def on(self, path: str, *replies: Reply | Answer) -> None:
        """Answer a path with each reply in turn, the last one for ever."""
        left = list(replies)

        def answer(asked: Asked) -> Reply:
            one = left.pop(0) if len(left) > 1 else left[0]
            return one if isinstance(one, Reply) else one(asked)

        self.answers[path] = answer


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """A server on a free port of this machine."""
    fake = FakeServer()
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), _handler(fake))
    httpd.daemon_threads = True
    fake.address = f"http://127.0.0.1:{httpd.server_port}"
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,))
    thread.start()
    yield fake
    httpd.shutdown()
    thread.join()
    httpd.server_close()


@pytest.fixture
def cluster(server: FakeServer) -> Iterator[Cluster]:
    """A connection to the server that gives up soon."""
    connection = Cluster(client.ApiClient(client.Configuration(host=server.address)), "fake", retry_seconds=5)
    yield connection
    connection.close()


def status(code: int, message: str, reason: str = "") -> Reply:
    """A Kubernetes `Status` as an error answer."""
    return Reply(
        {"kind": "Status", "status": "Failure", "message": message, "reason": reason, "code": code}, code
    )


def _handler(fake: FakeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body are two writes: the second would wait 40 ms

        def handle_any(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            asked = Asked(self.command, parts.path, query, dict(self.headers), body)
            fake.asked.append(asked)
            answer = fake.answers.get(parts.path)
            reply = answer(asked) if answer else Reply("404 page not found", 404)
            self.reply(reply)

        def reply(self, reply: Reply) -> None:
            text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
            self.send_response(reply.status)
            kind = "text/plain" if isinstance(reply.body, str) else "application/json"
            for name, value in ({"Content-Type": kind} | reply.headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            if reply.cut:
                self.wfile.write(text[: len(text) // 2].encode())
                self.wfile.flush()
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class calls it so)
            """Say nothing."""

    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.handle_any)
    return Handler
