"""A storage that nobody ever reached is given up soon; one that answered before is waited for."""

from __future__ import annotations

import socket
import time

import pytest

from migration_ops.vault import StorageError, StorageUnavailable, StoreSettings, backend_s3, open_repository

PATIENT = StoreSettings(access_key="key", secret_key="secret", retry_seconds=900)


@pytest.fixture
def closed_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def test_a_port_where_nobody_listens_is_named_soon(closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend_s3, "FIRST_ANSWER_SECONDS", 1.0)
    started = time.monotonic()
    with pytest.raises(StorageUnavailable, match=rf"127\.0\.0\.1:{closed_port}.*nothing answers there"):
        open_repository(f"s3:http://127.0.0.1:{closed_port}/bucket/shop", "password", PATIENT)
    assert time.monotonic() - started < 60


def test_a_host_that_has_no_address_is_final(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend_s3, "FIRST_ANSWER_SECONDS", 1.0)
    with pytest.raises(StorageError, match=r"no-such-host\.invalid.*check"):
        open_repository("s3:http://no-such-host.invalid/bucket/shop", "password", PATIENT)
