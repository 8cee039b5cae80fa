"""Data sets that are made on the spot, the same on every machine."""

from __future__ import annotations

import os
import random
from pathlib import Path

_MIB = 1 << 20
_WORDS = (
    b"order customer item price total shipped pending cancelled street city country invoice payment card"
    b" error warning info debug request response latency timeout retry queue worker shard replica leader"
    b" commit abort"
).split()


def _text(rng: random.Random, size: int) -> bytes:
    """JSON lines as services log them."""
    lines = []
    length = number = 0
    while length < size:
        line = b'{"time":"2026-01-%02dT%02d:%02d:%02d.%06dZ","id":"%016x",' % (
            rng.randrange(1, 29),
            rng.randrange(24),
            rng.randrange(60),
            rng.randrange(60),
            rng.randrange(10**6),
            rng.getrandbits(64),
        )
        level, subject, verb, thing = rng.choices(_WORDS, k=4)
        line += b'"level":"%b","message":"%b %b %b","n":%d}\n' % (level, subject, verb, thing, number)
        lines.append(line)
        length += len(line)
        number += 1
    return b"".join(lines)[:size]


def make_mixed(root: Path, files: int = 20_000, large: int = 128) -> None:
    """One GiB: four random and four text files of 128 MiB each, and many small files in folders of a hundred.

    :param large: MiB of each large file.
    """
    rng = random.Random(1)
    (root / "large").mkdir(parents=True)
    for number in range(4):
        with (root / f"large/random-{number}.bin").open("wb") as file:
            for _ in range(large):
                file.write(rng.randbytes(_MIB))
        part = _text(rng, 8 * _MIB)
        with (root / f"large/text-{number}.log").open("wb") as file:
            for piece in range(large // 8):
                # Rotated, so that no two parts are the same blobs, at the cost of making one only.
                cut = rng.randrange(len(part))
                file.write(b"part %06d %016x\n" % (piece, rng.getrandbits(64)) + part[cut:] + part[:cut])
    make_small(root / "small", files, rng)


def make_small(root: Path, files: int, rng: random.Random | None = None) -> None:
    """Small files of 256 bytes to 8 KiB, half text and half random, a hundred in a folder."""
    rng = rng or random.Random(2)
    text = _text(rng, _MIB)
    for number in range(files):
        if number % 100 == 0:
            folder = root / f"{number // 10_000:03d}/{number // 100 % 100:02d}"
            folder.mkdir(parents=True)
        size = rng.randrange(256, 8192)
        if number % 2:
            start = rng.randrange(len(text) - size)
            content = b"%d " % number + text[start : start + size]
        else:
            content = rng.randbytes(size)
        with (folder / f"file-{number:06d}").open("wb") as file:
            file.write(content)


def make_database(root: Path, size: int = 4 << 30) -> None:
    """One file of 8 KiB pages, each a header, half of it rows that compress and half that do not."""
    rng = random.Random(3)
    root.mkdir(parents=True)
    text = _text(rng, _MIB)
    with (root / "database").open("wb") as file:
        for _ in range(size // _MIB):
            pages = []
            for _ in range(128):
                start = rng.randrange(len(text) - 4096)
                pages.append(rng.randbytes(4096) + text[start : start + 4096])
            file.write(b"".join(pages))


def change_mixed(root: Path, share: float = 0.01, seed: int = 9) -> None:
    """Change one per cent: extents of a MiB in the large files, and so many of the small files as a whole."""
    rng = random.Random(seed)
    for path in sorted((root / "large").iterdir()) if (root / "large").exists() else ():
        size = path.stat().st_size
        with path.open("r+b") as file:
            for _ in range(max(1, int(size * share) // _MIB)):
                file.seek(rng.randrange(size // _MIB) * _MIB)
                file.write(rng.randbytes(_MIB))
    small = (
        sorted((root / "small").rglob("file-*"))
        if (root / "small").exists()
        else sorted(root.rglob("file-*"))
    )
    for path in rng.sample(small, max(1, int(len(small) * share))):
        path.write_bytes(rng.randbytes(rng.randrange(256, 8192)))


def change_database(root: Path, share: float = 0.01, seed: int = 9) -> None:
    """Write one per cent of the pages anew, in runs as a checkpoint does."""
    rng = random.Random(seed)
    path = root / "database"
    pages = path.stat().st_size // 8192
    with path.open("r+b") as file:
        for _ in range(int(pages * share) // 16):
            file.seek(rng.randrange(pages - 16) * 8192)
            file.write(rng.randbytes(16 * 8192))
        os.fsync(file.fileno())
