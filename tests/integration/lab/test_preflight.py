"""A machine that can't run the lab is told what it lacks before anything is changed on it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.lab import Lab, PreflightError, preflight
from tests.lab.cgroups import groups_like

NAME = "preflight"


@pytest.fixture
def not_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """We are somebody else."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


def traces() -> list[str]:
    """Return what a lab of this test's name has left anywhere."""
    folders = ("/run/migration-ops-lab", "/var/lib/migration-ops-lab", "/var/log/migration-ops-lab")
    return [str(Path(folder, NAME)) for folder in folders if Path(folder, NAME).exists()] + groups_like(NAME)


def test_without_root_nothing_is_begun(not_root):
    with pytest.raises(PreflightError, match="root: the lab makes network namespaces") as refused:
        Lab.up(NAME)

    assert "nothing was changed" in str(refused.value)
    assert traces() == []


def test_another_system_is_named(monkeypatch: pytest.MonkeyPatch):
    text = 'ID=fedora\nVERSION_ID=41\nPRETTY_NAME="Fedora Linux 41"\n'
    real = Path.read_text

    def read_text(path: Path, *arguments: str, **options: str) -> str:
        return text if str(path) == "/etc/os-release" else real(path, *arguments, **options)

    monkeypatch.setattr(Path, "read_text", read_text)

    assert "Debian 12 (this is Fedora Linux 41): the lab is made of its packages" in preflight()


def test_each_missing_program_is_named(monkeypatch: pytest.MonkeyPatch):
    real = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "nsenter" else real(name))

    assert [each for each in preflight() if "nsenter" in each] == (
        ["the program nsenter: it comes with every Debian 12"] if os.geteuid() == 0 else []
    )


def test_too_little_space_is_named(monkeypatch: pytest.MonkeyPatch):
    usage = shutil.disk_usage("/")._replace(free=1 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)

    found = [each for each in preflight() if "free disk space" in each]

    assert (len(found) == 3) == (os.geteuid() == 0)
