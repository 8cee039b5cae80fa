"""The API server has the pages ready before anybody asks, and no other process imports them."""

from __future__ import annotations

import subprocess
import sys
import threading

from migration_ops.ui import mount


def warmed_up() -> None:
    for thread in threading.enumerate():
        if thread.name == "migrations-warm-up":
            thread.join(timeout=120)
            assert not thread.is_alive()


def test_the_application_is_made_while_the_server_starts(monkeypatch):
    from migration_ops.ui.application import application

    failures = []
    monkeypatch.setattr(mount.log, "exception", failures.append)
    application.cache_clear()
    server = object()
    assert mount.warm_up(server) is server
    warmed_up()
    assert failures == []
    assert application.cache_info().currsize == 1
    assert mount._application() is application()


def test_a_server_starts_even_if_the_pages_cannot_be_made(monkeypatch):
    def broken():
        raise ImportError("a library is missing")

    failures = []
    monkeypatch.setattr(mount.log, "exception", failures.append)
    monkeypatch.setattr(mount, "_application", broken)
    server = object()
    assert mount.warm_up(server) is server
    warmed_up()
    assert len(failures) == 1


def test_the_plugin_alone_imports_no_page():
    code = "import sys, migration_ops.plugin; print('fastapi' in sys.modules, 'kubernetes' in sys.modules)"
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False False"
