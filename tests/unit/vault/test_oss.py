"""What a vault on OSS sends: the bucket in the host's name, plain bodies, no checksums that OSS doesn't know.

A proxy stands in for OSS, as its host names can't be reached here: it refuses what OSS's documentation says
that OSS refuses (path style, aws-chunked bodies with an unsigned payload, batch deletes without Content-MD5).
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest

from migration_ops.vault import (
    StorageError,
    StoreSettings,
    backup,
    init_repository,
    list_snapshots,
    open_repository,
)

BUCKET_HOST = "shop-vault.s3.oss-cn-hangzhou.aliyuncs.com"
LOCATION = "s3:http://s3.oss-cn-hangzhou.aliyuncs.com/shop-vault/shop"


@dataclass
class Oss:
    """The objects of one bucket, and every request."""

    objects: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    oss: Oss

    def handle_any(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.oss.asked.append((self.command, self.path, headers))
        key, query = unquote(parts.path).lstrip("/"), parse_qs(parts.query, keep_blank_values=True)
        if reason := self.refusal(parts.hostname or "", headers, query):
            self.oss.refused.append(reason)
            self.answer(400, f"<Error><Code>{reason}</Code></Error>".encode())
        elif self.command == "PUT":
            self.oss.objects[key] = body
            self.answer(200, b"", {"ETag": f'"{hashlib.md5(body).hexdigest()}"'})
        elif self.command == "DELETE":
            self.oss.objects.pop(key, None)
            self.answer(204, b"")
        elif "delete" in query:
            for removed in re.findall(rb"<Key>(.*?)</Key>", body):
                self.oss.objects.pop(removed.decode(), None)
            self.answer(200, b"<DeleteResult></DeleteResult>")
        elif "list-type" in query:
            self.answer(200, self.listing(query.get("prefix", [""])[0]))
        elif key not in self.oss.objects:
            self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        else:
            self.send_object(self.oss.objects[key], headers.get("range", ""))

    def refusal(self, host: str, headers: dict[str, str], query: dict[str, list[str]]) -> str | None:
        if host != BUCKET_HOST:
            return "SecondLevelDomainForbidden"
        if "aws-chunked" in headers.get("content-encoding", "") or "x-amz-trailer" in headers:
            return "InvalidArgument"
        if "delete" in query and "content-md5" not in headers:
            return "MissingArgument"
        return None

    def send_object(self, content: bytes, wanted: str) -> None:
        status, more = 200, {"ETag": '"x"', "Last-Modified": formatdate(usegmt=True)}
        if wanted:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            end = min(int(last or len(content) - 1), len(content) - 1)
            more["Content-Range"] = f"bytes {first}-{end}/{len(content)}"
            status, content = 206, content[int(first) : end + 1]
        self.answer(status, content, more)

    def listing(self, prefix: str) -> bytes:
        items = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(content)}</Size><ETag>x</ETag>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
            for key, content in sorted(self.oss.objects.items())
            if key.startswith(prefix)
        )
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{items}</ListBucketResult>".encode()

    def answer(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_arguments: object) -> None:
        """Stay silent."""

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any  # noqa: N815 - named by the protocol


@pytest.fixture
def oss(monkeypatch: pytest.MonkeyPatch) -> Iterator[Oss]:
    """OSS, reached through a proxy."""
    bucket = Oss()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"oss": bucket}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{server.server_port}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield bucket
    server.shutdown()
    thread.join()
    server.server_close()


def settings(**more: Any) -> StoreSettings:
    return StoreSettings(
        access_key="LTAI-test", secret_key="secret", region="oss-cn-hangzhou", retry_seconds=5, **more
    )


def test_a_vault_on_oss_is_made_written_and_read_without_anything_that_oss_refuses(
    oss: Oss, tmp_path: Path
) -> None:
    (tmp_path / "orders.txt").write_text("one\ntwo\n")
    init_repository(LOCATION, "password", settings())
    repository = open_repository(LOCATION, "password", settings())
    backup(repository, [tmp_path])
    repository.close()

    again = open_repository(LOCATION, "password", settings())
    assert len(list_snapshots(again)) == 1
    again.close()
    assert oss.refused == []
    assert any(key.startswith("shop/data/") for key in oss.objects)
    assert not any(key.startswith("shop/locks/") for key in oss.objects)
    assert any(
        path.endswith("/?delete") for _, path, _ in oss.asked
    )  # with the Content-MD5 that OSS insists on
    signed = [headers for method, _, headers in oss.asked if method == "PUT"]
    assert all("x-amz-checksum-crc32" not in name for headers in signed for name in headers)
    assert all(headers["authorization"].startswith("AWS4-HMAC-SHA256") for headers in signed)


def test_server_side_encryption_is_asked_for_with_every_object(oss: Oss) -> None:
    init_repository(LOCATION, "password", settings(encryption="aws:kms", kms_key="key-1"))
    puts = [headers for method, _, headers in oss.asked if method == "PUT"]
    assert puts
    assert {headers["x-amz-server-side-encryption"] for headers in puts} == {"aws:kms"}
    assert {headers["x-amz-server-side-encryption-aws-kms-key-id"] for headers in puts} == {"key-1"}


def test_path_style_is_what_oss_would_refuse(oss: Oss) -> None:
    with pytest.raises(StorageError, match="400 Bad Request"):
        init_repository(LOCATION, "password", settings(addressing="path"))
    assert set(oss.refused) == {"SecondLevelDomainForbidden"}


def test_plain_server_side_encryption_names_no_key(oss: Oss) -> None:
    init_repository(LOCATION, "password", settings(encryption="AES256"))
    puts = [headers for method, _, headers in oss.asked if method == "PUT"]
    assert puts
    assert {headers["x-amz-server-side-encryption"] for headers in puts} == {"AES256"}
    assert not any("x-amz-server-side-encryption-aws-kms-key-id" in headers for headers in puts)


def test_temporary_credentials_are_renewed_from_their_file_when_they_expire(oss: Oss, tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"

    def renew(token: str, minutes: float) -> None:
        expires = (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()
        keys = {"access_key": "STS.key", "secret_key": "secret", "session_token": token}
        file.write_text(json.dumps(keys | {"expires_at": expires}))

    def tokens() -> set[str]:
        sent = {headers["x-amz-security-token"] for _, _, headers in oss.asked}
        oss.asked.clear()
        return sent

    temporary = StoreSettings(region="oss-cn-hangzhou", retry_seconds=5, credentials_file=str(file))
    renew("first", -1)
    repository = init_repository(LOCATION, "password", temporary)
    assert tokens() == {"first"}
    renew("second", 60)
    list_snapshots(repository)
    assert tokens() == {"second"}
    renew("third", 60)
    list_snapshots(repository)
    assert tokens() == {"second"}  # it is good for an hour
