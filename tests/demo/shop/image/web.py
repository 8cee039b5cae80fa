"""The shop's web tier: shows the orders from the database, keeps a cache on a volume, asks the API server.

``/`` is a page, ``/orders`` its figures as JSON, ``/cache`` what the cache volume holds, ``/settings`` the
shop's ConfigMap as the pod's own service account may read it, ``/health`` answers while the database does.
"""

from __future__ import annotations

import json
import os
import signal
import ssl
import sys
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg2

CACHE = Path("/var/cache/shop")
CACHED_PAGES = 20
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def orders() -> dict[str, Any]:
    """Return how many orders there are, and the last ones."""
    database = psycopg2.connect(
        host=os.environ["DB_SERVICE_HOST"],
        port=os.environ["DB_SERVICE_PORT"],
        dbname="shop",
        user="shop",
        password=os.environ["POSTGRES_PASSWORD"],
        connect_timeout=3,
    )
    try:
        with database.cursor() as cursor:
            cursor.execute("SELECT count(*), coalesce(max(number), 0) FROM orders")
            count, last = cursor.fetchone()
            cursor.execute("SELECT number, customer, item, cents FROM orders ORDER BY id DESC LIMIT 10")
            latest = [dict(zip(("number", "customer", "item", "cents"), row, strict=True)) for row in cursor]
    finally:
        database.close()
    return {"shop": os.environ["SHOP_NAME"], "orders": count, "last": last, "latest": latest}


def cache() -> dict[str, Any]:
    """Return the names of the cached pages; each begins with the namespace that made it."""
    return {"pages": sorted(path.name for path in CACHE.iterdir() if path.is_file())}


def settings() -> dict[str, Any]:
    """Return the shop's ConfigMap, read with the pod's own service account."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    address = f"https://{host}:{port}/api/v1/namespaces/{os.environ['NAMESPACE']}/configmaps/shop"
    request = urllib.request.Request(
        address, headers={"Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}"}
    )
    trusted = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    with urllib.request.urlopen(request, timeout=5, context=trusted) as answer:
        return json.load(answer)["data"]


def page() -> str:
    """Return the shop's page."""
    figures = orders()
    rows = "".join(f"<tr><td>{o['number']}<td>{o['customer']}<td>{o['item']}" for o in figures["latest"])
    return (
        f"<!doctype html><title>{figures['shop']}</title><h1>{figures['shop']}</h1>"
        f"<p>{figures['orders']} orders<table>{rows}</table>"
    )


PAGES: dict[str, Callable[[], dict[str, Any] | str]] = {
    "/": page,
    "/orders": orders,
    "/cache": cache,
    "/settings": settings,
    "/health": lambda: {"orders": orders()["orders"]},
}


class Handler(BaseHTTPRequestHandler):
    """Answers GET for the pages above."""

    def do_GET(self) -> None:
        """Answer with a page, or with what went wrong."""
        content = PAGES.get(self.path)
        if content is None:
            self.send_error(404)
            return
        try:
            answer = content()
        except (psycopg2.Error, OSError) as error:
            self.send_error(503, explain=str(error))
            return
        kind, body = (
            ("text/html", answer) if isinstance(answer, str) else ("application/json", json.dumps(answer))
        )
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's own name
        """Keep the log for what matters."""


def fill_cache() -> None:
    """Write cached pages under this namespace's name: a megabyte each, of no worth to anybody."""
    for number in range(CACHED_PAGES):
        path = CACHE / f"{os.environ['NAMESPACE']}-page-{number}"
        if not path.exists():
            path.write_bytes(os.urandom(1 << 20))


def main() -> None:
    """Serve on port 8080."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    fill_cache()
    ThreadingHTTPServer(("0.0.0.0", 8080), Handler).serve_forever()


if __name__ == "__main__":
    main()
