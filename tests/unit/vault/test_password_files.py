"""A password file opens a repository as it does for restic, whatever an editor puts around the password."""

from __future__ import annotations

from pathlib import Path

import pytest

from migration_ops.vault.cli_settings import Session


@pytest.mark.parametrize(
    "content", [b"a word", b"a word\n", b"a word\r\n", b" \ta word \n\n", "\ufeffa word\n".encode()]
)
def test_a_password_is_what_is_left_without_its_surroundings(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "password"
    file.write_bytes(content)
    assert Session().password(str(file)) == "a word"
