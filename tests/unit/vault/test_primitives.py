"""Sealing, compression, chunks, packs, the packed table, patterns and locations."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_ops.vault.backend_local import LocalBackend
from migration_ops.vault.blob_table import BlobTable
from migration_ops.vault.chunker import FIRST_ZEROS, LARGEST, SMALLEST, ZEROS, cut, make_chunker, zero_lengths
from migration_ops.vault.compression import Compressor, decompress
from migration_ops.vault.crypto import OVERHEAD, Key
from migration_ops.vault.duration import parse_duration
from migration_ops.vault.errors import DamagedError, UsageError
from migration_ops.vault.excludes import Patterns
from migration_ops.vault.location import LocalLocation, S3Location, StoreSettings, parse_location
from migration_ops.vault.pack import BlobType, PackedBlob, encode_header, header_size, read_header
from migration_ops.vault.polynomial import is_irreducible, random_polynomial
from migration_ops.vault.stopping import parse_moment

KEY = Key.random()


@given(st.binary(max_size=300))
def test_what_was_sealed_opens(text: bytes) -> None:
    sealed = KEY.seal(text)
    assert len(sealed) == len(text) + OVERHEAD
    assert bytes(KEY.open(sealed)) == text


@given(st.lists(st.binary(max_size=100), max_size=20))
def test_texts_that_were_sealed_together_open_one_by_one(texts: list[bytes]) -> None:
    sealed = KEY.seal_many(texts)
    assert [bytes(KEY.open(each)) for each in sealed] == texts
    ivs = [each[:16] for each in sealed if len(each) > OVERHEAD]
    assert len(set(ivs)) == len(ivs)


def test_no_counter_block_is_used_twice_in_a_batch() -> None:
    texts = [os.urandom(random.randrange(1, 200)) for _ in range(50)]
    used: set[int] = set()
    for sealed, text in zip(KEY.seal_many(texts), texts, strict=True):
        first = int.from_bytes(sealed[:16], "big")
        blocks = {(first + block) % (1 << 128) for block in range((len(text) + 15) // 16)}
        assert not used & blocks
        used |= blocks


@given(st.binary(min_size=1, max_size=100), st.data())
def test_any_flipped_bit_is_noticed(text: bytes, data: st.DataObject) -> None:
    sealed = KEY.seal(text)
    position = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[position // 8] ^= 1 << position % 8
    with pytest.raises(DamagedError):
        KEY.open(sealed)


def test_another_key_opens_nothing() -> None:
    with pytest.raises(DamagedError):
        Key.random().open(KEY.seal(b"text"))


@given(st.binary(max_size=2000))
def test_compressed_texts_come_back(text: bytes) -> None:
    assert decompress(Compressor().compress(text), len(text)) == text


def test_a_text_of_another_length_than_claimed_is_damage() -> None:
    frame = Compressor().compress(b"x" * 1000)
    for claimed in (0, 1, 999, 1001):
        with pytest.raises(DamagedError):
            decompress(frame, claimed)


def test_random_bytes_are_not_compressed() -> None:
    assert Compressor().compress_if_smaller(os.urandom(1 << 20)) is None
    assert Compressor().compress_if_smaller(b"text " * 100_000) is not None


def test_chunks_cover_their_buffer_and_survive_an_insertion() -> None:
    polynomial = random_polynomial()
    content = random.Random(61).randbytes(12_000_000)

    def chunks(data: bytes) -> list[bytes]:
        return [data[a:b] for a, b in cut(make_chunker(polynomial), memoryview(data), last=True)]

    before, after = chunks(content), chunks(content[:5_000_000] + b"inserted" + content[5_000_000:])
    assert b"".join(before) == content
    assert all(SMALLEST <= len(chunk) <= LARGEST for chunk in before[:-1])
    assert len(set(before) & set(after)) >= len(before) - 3


def test_the_last_piece_of_a_buffer_waits_for_what_follows() -> None:
    content = random.Random(62).randbytes(3_000_000)
    chunker = make_chunker(random_polynomial())
    open_end = list(cut(chunker, memoryview(content), last=False))
    assert open_end == list(cut(chunker, memoryview(content), last=True))[: len(open_end)]
    assert open_end[-1][1] < len(content)


def test_repositories_cut_differently() -> None:
    content = random.Random(63).randbytes(8_000_000)
    first, second = (
        [end for _, end in cut(make_chunker(polynomial), memoryview(content), last=True)]
        for polynomial in (random_polynomial(), random_polynomial())
    )
    assert first != second


def test_the_first_large_hole_begins_with_the_blob_that_restic_knows() -> None:
    assert list(zero_lengths(20 << 20, first=True))[:2] == [FIRST_ZEROS, ZEROS]
    assert sum(zero_lengths(20 << 20, first=True)) == 20 << 20
    assert list(zero_lengths(100, first=True)) == [100]


def test_polynomials_of_a_vault_are_irreducible() -> None:
    assert is_irreducible(0x3DA3358B4DC173)
    polynomial = random_polynomial()
    assert polynomial.bit_length() == 54
    assert is_irreducible(polynomial)


@given(st.integers(2, (1 << 27) - 1), st.integers(2, (1 << 27) - 1))
def test_products_of_polynomials_are_not_irreducible(first: int, second: int) -> None:
    product = 0
    for place in range(second.bit_length()):
        product ^= (first << place) * (second >> place & 1)
    assert not is_irreducible(product)


def test_there_are_as_many_irreducible_polynomials_of_a_degree_as_gauss_counted() -> None:
    """Over two elements, degrees 1 to 10: OEIS A001037."""
    counts = [sum(is_irreducible(p) for p in range(1 << degree, 2 << degree)) for degree in range(1, 11)]
    assert counts == [2, 1, 2, 3, 6, 9, 18, 30, 56, 99]


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=300))
def test_the_table_finds_what_is_in_it_and_nothing_else(ids: list[bytes]) -> None:
    table = BlobTable()
    for number, blob_id in enumerate(ids):
        table.add(blob_id, number, 1, 2, 3)
        assert table.record(table.find(blob_id))[0] == blob_id
    assert table.find(b"\0" * 31 + b"?") == -1
    for blob_id in ids:
        assert len(list(table.find_all(blob_id))) == ids.count(blob_id)


def test_a_million_blobs_load_quickly_and_take_little_memory() -> None:
    program = """
import os, time
from pathlib import Path
from migration_ops.vault.index import Index, encode_index
from migration_ops.vault.pack import BlobType, PackedBlob
def text():
    def blob(n):
        return PackedBlob(BlobType.DATA, os.urandom(32), n, 1000, 2000)
    return encode_index([(os.urandom(32), [blob(n) for n in range(25)]) for _ in range(2000)])
texts = [text() for _ in range(2)]
def peak():
    # Not getrusage: its peak is handed down from the process that started this one.
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
before = peak()
index = Index()
spent = 0
for _ in range(10):
    started = time.process_time()
    for each in texts:
        index.load_file("x", each)
    spent += time.process_time() - started
started = time.process_time()
index.find(BlobType.DATA, bytes(32))
spent += time.process_time() - started
print(len(index), spent, (peak() - before) / 1024)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    count, seconds, megabytes = done.stdout.split()
    assert int(count) == 1_000_000
    assert float(seconds) < 6  # CPU seconds; 3 on a machine with nothing else to do
    assert float(megabytes) < 90


def test_a_pack_header_comes_back(tmp_path: Path) -> None:
    blobs = [
        PackedBlob(BlobType.DATA, os.urandom(32), 0, 100, 0),
        PackedBlob(BlobType.TREE, os.urandom(32), 100, 50, 400),
    ] + [PackedBlob(BlobType.DATA, os.urandom(32), 150 + 40 * n, 40, 90) for n in range(40)]
    header = encode_header(blobs, KEY)
    assert len(header) == header_size(blobs)
    end = blobs[-1].offset + blobs[-1].length
    backend = LocalBackend(str(tmp_path))
    backend.create()
    from migration_ops.vault.backend import FileKind

    backend.save(FileKind.PACK, "ab" * 32, [bytes(end), header])
    assert read_header(backend, KEY, "ab" * 32, end + len(header)) == blobs
    backend.save(FileKind.PACK, "cd" * 32, [bytes(end + 1), header])
    with pytest.raises(DamagedError, match="but it has"):
        read_header(backend, KEY, "cd" * 32, end + 1 + len(header))


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*.log", "/a/b/x.log", True),
        ("*.log", "/a/b/x.log/inside", True),
        ("*.log", "/a/b/xlog", False),
        ("/a/*", "/a/b", True),
        ("/a/*", "/b/a/b", False),
        ("/a/**/z", "/a/b/c/z", True),
        ("/a/**/z", "/a/z", True),
        ("b/c", "/a/b/c/d", True),
        ("[a-c]x", "/bx", True),
        ("[a-c]x", "/dx", False),
        ("?", "/a", True),
        ("?", "/ab", False),
    ],
)
def test_patterns_match_as_restics_do(pattern: str, path: str, matches: bool) -> None:
    assert Patterns([pattern]).match(path) is matches


def test_a_later_pattern_takes_back() -> None:
    patterns = Patterns(["*.log", "!keep.log"])
    assert patterns.match("/x.log")
    assert not patterns.match("/keep.log")


def test_locations_are_understood_as_restic_writes_them() -> None:
    assert parse_location("/a/b") == LocalLocation("/a/b")
    assert parse_location("s3:https://h:1/bucket/pre/fix/") == S3Location("https://h:1", "bucket", "pre/fix")
    assert parse_location("s3:h/bucket") == S3Location("https://h", "bucket", "")
    assert parse_location("s3:http://h/bucket") == S3Location("http://h", "bucket", "")
    for wrong in ("", "s3:https://h", "sftp:user@host:/x", "https://h/b"):
        with pytest.raises(UsageError):
            parse_location(wrong)


def test_secrets_are_not_shown() -> None:
    settings = StoreSettings.from_environment(
        {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "hidden", "AWS_SESSION_TOKEN": "hidden"}
    )
    assert settings.secret_key == "hidden"
    assert "hidden" not in repr(settings)
    assert repr(KEY) == "Key()"


def test_stop_times_are_the_next_ones() -> None:
    import time

    assert 0 < parse_moment("06:00", "--stop-at") - time.time() <= 86400
    assert parse_moment("2026-01-31T06:00:00+08:00", "--stop-at") == 1769810400
    with pytest.raises(UsageError):
        parse_moment("tomorrow", "--stop-at")


def test_durations_go_back_by_the_calendar() -> None:
    from datetime import UTC, datetime

    latest = datetime(2026, 3, 31, 12, tzinfo=UTC)
    assert parse_duration("1m").before(latest) == datetime(2026, 3, 3, 12, tzinfo=UTC)  # as Go: February 31
    assert parse_duration("1y2d3h").before(latest) == datetime(2025, 3, 29, 9, tzinfo=UTC)
    with pytest.raises(UsageError):
        parse_duration("soon")
