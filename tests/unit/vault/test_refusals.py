"""What a store refuses for good ends at once, with what was sent; what passes is tried again."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from migration_ops.vault import (
    StorageDenied,
    StorageError,
    StorageUnavailable,
    StoreSettings,
    UsageError,
    init_repository,
    open_repository,
)
from migration_ops.vault.backend import FileKind, open_backend

LONGER_THAN_A_TEST = 3600
NAME = "a" * 64


@dataclass
class Store:
    """A bucket without objects.

    :param answers: to the next writes, as status and code; then they are taken and forgotten.
    """

    address: str = ""
    answers: deque[tuple[int, str]] = field(default_factory=deque)
    reads: tuple[int, str] = (404, "NoSuchKey")
    written: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store: Store

    def handle_any(self) -> None:
        store, size = self.store, int(self.headers.get("Content-Length") or 0)
        self.rfile.read(size)
        store.asked.append(self.command)
        if self.command == "PUT":
            status, code = store.answers.popleft() if store.answers else (200, "")
            if status == 200:
                store.written[self.path] = size
            self.answer(status, code)
        elif self.command == "HEAD" and self.path in store.written:
            self.answer(200, "", length=store.written[self.path])
        elif "list-type" in self.path:
            self.answer(200, "", b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
        else:
            self.answer(*store.reads)

    def answer(self, status: int, code: str, content: bytes = b"", length: int | None = None) -> None:
        if code:
            content = f"<Error><Code>{code}</Code><Message>as said</Message></Error>".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.send_header("Last-Modified", "Mon, 23 Nov 2026 07:00:00 GMT")
        self.send_header("ETag", '"x"')
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_arguments: object) -> None:
        """Stay silent."""

    do_GET = do_PUT = do_DELETE = do_HEAD = handle_any  # noqa: N815 - named by the protocol


@pytest.fixture
def store() -> Iterator[Store]:
    made = Store()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"store": made}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    made.address = f"s3:http://127.0.0.1:{server.server_port}/busy-kms/vault"
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


def settings(**more: Any) -> StoreSettings:
    return StoreSettings(**{"access_key": "a", "secret_key": "b", "retry_seconds": LONGER_THAN_A_TEST} | more)


def write(store: Store, **more: Any) -> None:
    open_backend(store.address, settings(**more)).save(FileKind.PROBE, NAME, [b"content"])


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "InvalidRequest"),
        (400, "InvalidArgument"),
        (400, "InvalidEncryptionAlgorithmError"),
        (400, "ServerSideEncryptionConfigurationNotFoundError"),
        (400, "KMS.NotFoundException"),
        (400, "KMS.DisabledException"),
        (501, "NotImplemented"),
    ],
)
def test_encryption_that_a_bucket_refuses_ends_at_once(store: Store, status: int, code: str) -> None:
    store.answers.extend([(status, code)] * 5)  # the client itself asks five times when a server fails
    with pytest.raises(
        StorageError, match=rf"refuses it with encryption aws:kms and kms_key key-1: .*{code}"
    ) as caught:
        write(store, encryption="aws:kms", kms_key="key-1")
    assert not caught.value.retryable
    assert "set what the bucket offers" in str(caught.value)
    assert store.asked.count("PUT") == (5 if status == 501 else 1)


def test_a_repository_is_not_made_where_its_encryption_is_refused(store: Store) -> None:
    store.answers.append((400, "InvalidRequest"))
    with pytest.raises(StorageError, match="refuses it with encryption AES256"):
        init_repository(store.address, "password", settings(encryption="AES256"))
    assert store.written == {}


def test_another_refusal_names_where_to_look(store: Store) -> None:
    store.answers.append((400, "AuthorizationHeaderMalformed"))
    with pytest.raises(StorageError, match=r"the store refuses it: .*check address, region and addressing"):
        write(store)


def test_encryption_that_worked_before_is_not_blamed(store: Store) -> None:
    backend = open_backend(store.address, settings(encryption="AES256"))
    backend.save(FileKind.PROBE, NAME, [b"content"])
    store.answers.append((400, "InvalidRequest"))
    with pytest.raises(StorageError, match="the store refuses it"):
        backend.save(FileKind.PROBE, "b" * 64, [b"content"])
    store.answers.append((400, "KMS.DisabledException"))
    with pytest.raises(StorageError, match="refuses it with encryption AES256"):
        backend.save(FileKind.PROBE, "c" * 64, [b"content"])


def test_a_key_that_may_not_be_used_is_named(store: Store) -> None:
    store.answers.append((403, "AccessDenied"))
    with pytest.raises(StorageDenied, match="that they may use the key key-1 of KMS"):
        write(store, encryption="aws:kms", kms_key="key-1")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "RequestTimeout"),
        (400, "ThrottlingException"),
        (400, "BadDigest"),
        (400, ""),
        (429, "TooManyRequests"),
        (500, "InternalError"),
        (503, "SlowDown"),
    ],
)
def test_what_passes_is_tried_again(store: Store, status: int, code: str) -> None:
    store.answers.append((status, code))
    write(store, encryption="AES256")
    assert store.asked.count("PUT") == 2


def test_a_refusal_without_a_reason_is_final_soon(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("migration_ops.vault.backend_s3.FIRST_ANSWER_SECONDS", 0.2)
    store.answers.extend([(400, "")] * 1000)
    with pytest.raises(StorageUnavailable, match="400 Bad Request"):
        write(store)


def test_a_bucket_that_is_missing_is_told_from_a_repository_that_is(store: Store) -> None:
    store.reads = (404, "NoSuchBucket")
    with pytest.raises(StorageError, match="there is no bucket busy-kms; check the bucket's name"):
        open_repository(store.address, "password", settings())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"encryption": "AES-256"}, "MIGRATION_OPS_S3_ENCRYPTION is 'AES-256'; write AES256 or aws:kms"),
        ({"encryption": "sse:kms"}, "write AES256 or aws:kms"),
        ({"encryption": "AES256", "kms_key": "k"}, "without MIGRATION_OPS_S3_ENCRYPTION=aws:kms no object"),
        ({"kms_key": "k"}, "set both or neither"),
    ],
)
def test_encryption_that_makes_no_sense_is_refused_before_anything_is_sent(
    store: Store, fields: dict[str, str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        write(store, **fields)
    assert store.asked == []
