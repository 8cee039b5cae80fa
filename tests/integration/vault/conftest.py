"""What the vault's integration tests share: volumes with everything in them, repositories, restic itself."""

from __future__ import annotations

import ctypes
import hashlib
import os
import random
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from migration_ops.vault.repository import Repository, init_repository
from tests.bench.programs import ProgramsMissingError, newest_restic, release_restic

PASSWORD = "a password of the tests"
ODD_NAMES = [
    b"plain",
    b"with space",
    b'quote"',
    b"back\\slash",
    b"new\nline",
    b"tab\t",
    b"bell\a",
    b"del\x7f",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\xc0\xaf",
    "ümläut".encode(),
    "nbsp\u00a0".encode(),
    "zwsp\u200b".encode(),
    "line\u2028sep".encode(),
    "soft\u00adhyphen".encode(),
    "private\ue000".encode(),
    "emoji😀".encode(),
    "replacement\ufffd".encode(),
    b"<html>&amp;",
    b"'single'",
    b"*",
    b"-dash",
    b"x" * 255,
    b"..dots",
    b"\x01\x1f",
]


def _describe(path: Path, *, with_folder_times: bool = True) -> dict[str, tuple[object, ...]]:
    """Everything about a tree that a restore must bring back."""
    found: dict[str, tuple[object, ...]] = {}
    links: dict[int, str] = {}
    entries = [path]
    while entries:
        here = entries.pop()
        status = here.lstat()
        name = os.fsencode(here.relative_to(path)).decode("latin-1")
        kind = stat.S_IFMT(status.st_mode)
        if stat.S_ISSOCK(kind):
            continue
        facts: list[object] = [oct(status.st_mode), status.st_uid, status.st_gid]
        if with_folder_times or not stat.S_ISDIR(kind):
            facts.append(status.st_mtime_ns)
        facts.append(
            tuple(
                (x, os.getxattr(here, x, follow_symlinks=False))
                for x in sorted(os.listxattr(here, follow_symlinks=False))
            )
        )
        if stat.S_ISREG(kind):
            digest = hashlib.sha256()
            with here.open("rb") as file:
                while piece := file.read(1 << 20):
                    digest.update(piece)
            facts += [status.st_size, digest.hexdigest()]
            if status.st_nlink > 1:
                facts.append(links.setdefault(status.st_ino, name))
        elif stat.S_ISLNK(kind):
            facts.append(os.readlink(os.fsencode(here)))
        elif stat.S_ISBLK(kind) or stat.S_ISCHR(kind):
            facts.append(status.st_rdev)
        elif stat.S_ISDIR(kind):
            entries += sorted(here.iterdir(), reverse=True)
        found[name] = tuple(facts)
    return found


@pytest.fixture
def describe() -> Callable[..., dict[str, tuple[object, ...]]]:
    """Everything about a tree that a restore must bring back, as data to compare."""
    return _describe


def _write(path: bytes, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """A volume with everything that a file system can hold."""
    root = tmp_path / "volume"
    root.mkdir(mode=0o751)
    rng = random.Random(7)
    (root / "empty").touch()
    (root / "small.txt").write_bytes(b"hello\n" * 100)
    (root / "large.bin").write_bytes(rng.randbytes(6_000_000))
    (root / "text.log").write_bytes(
        b"".join(b'{"line": %d, "message": "as always"}\n' % n for n in range(60_000))
    )
    (root / "folder/sub/deep").mkdir(parents=True)
    (root / "folder/sub/deep/leaf").write_text("leaf")
    (root / "empty folder").mkdir(mode=0o700)
    for number, odd_name in enumerate(ODD_NAMES):
        _write(os.fsencode(root / "folder") + b"/" + odd_name, b"odd %d" % number)
    os.symlink("small.txt", root / "link")
    os.symlink(b"\xff\xfebroken", os.fsencode(root / "broken link"))
    os.symlink("/etc/passwd", root / "absolute link")
    os.link(root / "large.bin", root / "folder/hard link of large")
    os.link(root / "small.txt", root / "folder/sub/hard link of small")
    os.mkfifo(root / "fifo", 0o640)
    with (root / "sparse").open("wb") as file:
        file.truncate(64 << 20)
        file.seek(20 << 20)
        file.write(rng.randbytes(300_000))
        file.seek((64 << 20) - 10)
        file.write(b"end of it!")
    (root / "mode").write_text("setuid")
    (root / "sticky").mkdir()
    os.chmod(root / "sticky", 0o1777)
    os.setxattr(root / "small.txt", "user.note", b"an attribute \xff")
    os.setxattr(root / "folder", "user.empty", b"")
    _make_socket(root / "socket")
    if os.geteuid() == 0:
        os.chown(root / "mode", 1234, 4321)
        os.mknod(root / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        os.mknod(root / "block", stat.S_IFBLK | 0o660, os.makedev(7, 99))
        os.lchown(root / "link", 77, 88)
    os.chmod(root / "mode", 0o6755)
    for name, moment in (
        ("empty", -1_500_000_000_123_456_789),
        ("text.log", 4_102_444_800_000_000_001),
        ("folder", 1),
    ):
        os.utime(root / name, ns=(moment, moment))
    return root


def _make_socket(path: Path) -> None:
    before = Path.cwd()
    try:
        os.chdir(path.parent)  # a socket's address is shorter than most paths
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(before)


@pytest.fixture
def mutate() -> Callable[[Path], None]:
    """Change a volume in every way that a day of work does."""

    def change(root: Path) -> None:
        rng = random.Random(8)
        with (root / "large.bin").open("r+b") as file:
            file.seek(3_000_000)
            file.write(rng.randbytes(5000))
        with (root / "text.log").open("ab") as file:
            file.write(b"one more line\n")
        (root / "folder/sub/deep/leaf").unlink()
        (root / "folder/sub/deep").rmdir()
        (root / "folder/sub/deep").write_text("a file where a folder was")
        (root / "link").unlink()
        (root / "link").mkdir()
        (root / "link/inside").write_text("inside")
        (root / "new file").write_bytes(rng.randbytes(700_000))
        (root / "folder/sub/hard link of small").unlink()
        (root / "folder/sub/hard link of small").write_text("on its own now")
        os.chmod(root / "mode", 0o600)
        os.setxattr(root / "small.txt", "user.note", b"another")
        (root / "empty folder").rename(root / "renamed folder")
        with (root / "sparse").open("r+b") as file:
            _punch(file.fileno(), 20 << 20, 1 << 20)
            file.seek(40 << 20)
            file.write(rng.randbytes(100_000))

    return change


def _punch(descriptor: int, offset: int, length: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    assert libc.fallocate(descriptor, 3, offset, length) == 0


@pytest.fixture
def location(tmp_path: Path) -> str:
    """Where a local repository of this test lies."""
    return str(tmp_path / "repository")


@pytest.fixture
def repo(location: str) -> Iterator[Repository]:
    """A new local repository."""
    repository = init_repository(location, PASSWORD)
    yield repository
    repository.close()


class Restic:
    """The restic program on one repository."""

    def __init__(
        self, program: Path, location: str, cache: Path, environment: dict[str, str] | None = None
    ) -> None:
        self.program = program
        self.location = location
        self._environment = {
            **os.environ,
            "RESTIC_PASSWORD": PASSWORD,
            "RESTIC_CACHE_DIR": str(cache),
            **(environment or {}),
        }

    def __call__(self, *arguments: str | Path, check: bool = True, cwd: Path | None = None) -> str:
        """Run a command; returns its output.

        :raises AssertionError: if it fails, with what it said.
        """
        done = subprocess.run(
            [self.program, "-r", self.location, *map(str, arguments)],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd,
            timeout=300,
        )
        if check:
            assert done.returncode == 0, f"restic {arguments}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def check(self) -> None:
        """Read and check everything."""
        assert "no errors were found" in self("check", "--read-data")


@pytest.fixture(params=["debian", "newest"])
def restic(request: pytest.FixtureRequest, location: str, tmp_path: Path) -> Restic:
    """Debian's restic and the newest one, on this test's repository."""
    program = _have(release_restic if request.param == "debian" else newest_restic)
    return Restic(program, location, tmp_path / "restic-cache")


def _have(program: Callable[[], Path]) -> Path:
    try:
        return program()
    except ProgramsMissingError as reason:
        pytest.skip(str(reason))


@pytest.fixture
def checked_by_restic(location: str, tmp_path: Path) -> Callable[[], None]:
    """Let the newest restic read and check the whole repository."""
    return Restic(_have(newest_restic), location, tmp_path / "restic-cache").check


@pytest.fixture
def make_restic(tmp_path: Path) -> Callable[..., Restic]:
    """The newest restic on any repository."""

    def make(location: str, environment: dict[str, str] | None = None) -> Restic:
        return Restic(_have(newest_restic), location, tmp_path / "restic-cache", environment)

    return make


@pytest.fixture(scope="session")
def s3(request: pytest.FixtureRequest) -> object:
    """The lab's S3 server; one that answers is used as it is, since the vault needs no cluster."""
    from tests.lab import Lab, LabError

    try:
        found = Lab().s3
        if found.answers():
            return found
    except (LabError, OSError):
        pass  # it isn't up, or was left half
    return request.getfixturevalue("lab").s3
