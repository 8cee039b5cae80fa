"""A proxy between the engine and a real S3 server that does on demand what networks and servers do."""

from __future__ import annotations

import http.client
import re
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

# What to do with a request: nothing special, or one of the faults below.
Fault = str | None
Decide = Callable[[str, str, int], Fault]


class FaultProxy:
    """Forwards requests to an S3 server.

    Faults: ``503``, ``500``, ``403 CODE`` (answer so), ``reset`` (close without an answer), ``cut`` (half of
    the answer's body), ``stall`` (accept and never answer), ``lost`` (do it, then close without an answer),
    ``forget`` (answer that all is well and store nothing), ``shrink`` (say that an object has half of its
    size), ``short list`` (leave out the last keys), ``double list`` (name every key twice), ``flip`` (change
    a byte of the answer's body).

    :param upstream: the real server, ``http://host:port``.
    """

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self.upstream = (parts.hostname or "", parts.port or 80)
        self.decide: Decide = lambda _method, _path, _number: None
        self.counts: dict[str, int] = {}
        self.faults = 0
        self._number = 0
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"

    def fault_of(self, method: str, path: str) -> Fault:
        """Count a request and decide on it."""
        with self._lock:
            self._number += 1
            self.counts[method] = self.counts.get(method, 0) + 1
            fault = self.decide(method, path, self._number)
            self.faults += fault is not None
            return fault

    def stall(self) -> None:
        """Wait as long as a test may last."""
        self._ended.wait(60)

    def close(self) -> None:
        """End it; stalled requests end too."""
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


def _handler(proxy: FaultProxy) -> type[BaseHTTPRequestHandler]:  # noqa: C901 - a fault a branch
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - as the library calls it
            """Be quiet."""

        def _forward(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            fault = proxy.fault_of(self.command, self.path)
            if fault in ("reset", "stall"):
                if fault == "stall":
                    proxy.stall()
                self._hang_up()
                return
            if fault and fault[:3].isdigit():
                self._answer_error(int(fault[:3]), fault[4:] or "SlowDown")
                return
            if fault == "forget" and self.command == "PUT":
                self._answer(200, [("ETag", '"00000000000000000000000000000000"')], b"", cut=False)
                return
            status, headers, answer = self._ask(body)
            if fault == "shrink" and self.command == "HEAD":
                headers = [(n, str(int(v) // 2) if n.lower() == "content-length" else v) for n, v in headers]
            if fault == "lost":
                self._hang_up()
                return
            if fault == "short list" and b"<Contents>" in answer:
                answer = _without_last_keys(answer)
            elif fault == "double list" and b"<Contents>" in answer:
                answer = re.sub(rb"(<Contents>.*?</Contents>)", rb"\1\1", answer, flags=re.DOTALL)
            elif fault == "flip" and len(answer) > 10 and self.command == "GET":
                answer = answer[:9] + bytes([answer[9] ^ 4]) + answer[10:]
            self._answer(status, headers, answer, cut=fault == "cut")

        def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            connection = http.client.HTTPConnection(*proxy.upstream, timeout=30)
            headers = {
                name: value for name, value in self.headers.items() if name.lower() != "content-length"
            }
            connection.request(
                self.command, self.path, body or None, {**headers, "Content-Length": str(len(body))}
            )
            reply = connection.getresponse()
            answer = reply.read()
            connection.close()
            return reply.status, reply.getheaders(), answer

        def _answer(self, status: int, headers: list[tuple[str, str]], answer: bytes, *, cut: bool) -> None:
            self.send_response_only(status)
            for name, value in headers:
                if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            length = next(
                (value for name, value in headers if name.lower() == "content-length"), str(len(answer))
            )
            self.send_header("Content-Length", length if self.command == "HEAD" else str(len(answer)))
            self.end_headers()
            if cut and answer:
                self.wfile.write(answer[: len(answer) // 2])
                self._hang_up()
            elif self.command != "HEAD":
                self.wfile.write(answer)

        def _answer_error(self, status: int, code: str) -> None:
            text = (
                f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>injected</Message></Error>".encode()
            )
            self._answer(status, [("Content-Type", "application/xml")], text, cut=False)

        def _hang_up(self) -> None:
            self.wfile.flush()
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.connection.close()

        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _forward  # noqa: N815 - as the library calls them

    return Handler


def _without_last_keys(answer: bytes) -> bytes:
    keys = re.findall(rb"<Contents>.*?</Contents>", answer, flags=re.DOTALL)
    for key in keys[-3:]:
        answer = answer.replace(key, b"")
    return answer
