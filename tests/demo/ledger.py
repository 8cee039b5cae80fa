"""The ledger: every order that the database acknowledged, written down outside of clusters and volumes.

``python -m tests.demo.ledger FILE ADDRESS PORT`` serves it; an entry is answered after it is on the disk.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Entry:
    """An acknowledged order.

    :param namespace: where the writer ran
    :param number: the order's number
    :param checksum: of the order's content
    :param at: when the ledger took it, seconds since the epoch
    """

    namespace: str
    number: int
    checksum: str
    at: float


def read_ledger(path: Path) -> list[Entry]:
    """Return all entries, in the order of their arrival; a line that a crash cut off was never answered."""
    if not path.exists():
        return []
    whole, _, _cut_off = path.read_text().rpartition("\n")
    return [Entry(**json.loads(line)) for line in whole.splitlines() if line]


def serve(path: Path, address: str, port: int) -> None:
    """Take entries for ever."""
    if path.exists():
        content = path.read_bytes()
        os.truncate(path, content.rfind(b"\n") + 1)  # a line cut off by a crash was never answered
    file = path.open("ab", buffering=0)
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                sent = json.loads(body)
                entry = {key: sent[key] for key in ("namespace", "number", "checksum")}
            except (ValueError, KeyError, TypeError) as error:
                self.send_error(400, explain=repr(error))
                return
            with lock:
                file.write(json.dumps({**entry, "at": time.time()}).encode() + b"\n")
                os.fsync(file.fileno())
            self.send_response(204)
            self.end_headers()

        def do_GET(self) -> None:
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    ThreadingHTTPServer((address, port), Handler).serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
