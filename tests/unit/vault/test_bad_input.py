"""Bad input is named with its option and what would be right, before anything is opened or changed."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from migration_ops.vault.backup import backup
from migration_ops.vault.cli import vault
from migration_ops.vault.errors import StorageDenied, UsageError
from migration_ops.vault.location import StoreSettings, parse_location
from migration_ops.vault.repository import init_repository, open_repository
from migration_ops.vault.snapshot import list_snapshots

PASSWORD = "a password of the tests"


@pytest.fixture(autouse=True)
def usual_collection() -> Iterator[None]:
    """The command line tunes the garbage collection of its process; here that is the tests'."""
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An empty repository that stays so."""
    return init_repository(str(tmp_path_factory.mktemp("empty")), PASSWORD).location


@pytest.fixture
def location(tmp_path: Path) -> str:
    """An empty repository of one test."""
    return init_repository(str(tmp_path / "repository"), PASSWORD).location


def _call(*arguments: str, repository: str = "") -> Result:
    environment = {
        "RESTIC_PASSWORD": PASSWORD, "RESTIC_REPOSITORY": repository or None, "AWS_CA_BUNDLE": None,
        "RESTIC_CACERT": None, "RESTIC_PASSWORD_FILE": None,
    }  # fmt: skip
    return CliRunner().invoke(vault, list(arguments), env=environment)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("bogus:xx", "kind 'bogus' are not known"),
        ("sftp:user@host:/x", "kind 'sftp' are not known"),
        ("rest:http://host/", "kind 'rest' are not known"),
        ("https://host/bucket", "kind 'https' are not known"),
        ("local:", "is no path"),
        ("s3:", "it names no host"),
        ("s3:host", "it names no bucket"),
        ("s3:https://host/", "it names no bucket"),
        ("s3:https:///bucket", "it names no host"),
        ("s3:https://a host/bucket", "it names no host"),
        ("s3:https://host:port/bucket", "its host or port is none"),
        ("s3:https://host:99999/bucket", "its host or port is none"),
        ("s3:https://[::1/bucket", "its host or port is none"),
        ("s3:ftp://host/bucket", "'ftp' is neither http nor https"),
        ("s3:https://host/bucket?list", "a bucket's name has letters"),
        ("s3:https://host/a bucket", "a bucket's name has letters"),
    ],
)
def test_a_repository_that_can_be_none_is_refused_with_the_forms_that_can(given: str, reason: str) -> None:
    done = _call("-r", given, "snapshots")
    assert done.exit_code == UsageError.exit_code
    assert "Fatal: -r/--repo: " in done.output
    assert reason in done.output
    assert "s3:https://host/bucket/prefix" in done.output
    with pytest.raises(UsageError, match="https://host/bucket/prefix"):
        parse_location(given)


def test_a_repository_of_the_environment_is_named_as_such() -> None:
    done = _call("snapshots", repository="bogus:xx")
    assert "Fatal: RESTIC_REPOSITORY: " in done.output


@pytest.mark.parametrize("below", ["", "/deeper"])
def test_a_file_is_no_repository(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("x")
    done = _call("-r", f"{tmp_path}/file{below}", "snapshots")
    assert done.exit_code == UsageError.exit_code
    assert f"-r/--repo: '{tmp_path}/file{below}' is a file or lies below one" in done.output


def test_keys_in_an_address_are_refused_and_not_shown() -> None:
    done = _call("-r", "s3:https://someone:hidden@host/bucket", "snapshots")
    assert done.exit_code == UsageError.exit_code
    assert "AWS_SECRET_ACCESS_KEY" in done.output
    assert "hidden" not in done.output


@pytest.mark.parametrize("name", ["MIGRATION_OPS_S3_CONNECTIONS", "MIGRATION_OPS_S3_RETRY_SECONDS"])
@pytest.mark.parametrize("value", ["many", "-1", "1e400", "nan", "99999999999999999999"])
def test_numbers_of_the_environment_are_named(name: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"{name} is '{value}'; write a whole number from"):
        StoreSettings.from_environment({name: value})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["backup", ""], "'PATHS...': the path is empty"),
        (["backup", ".", "--limit-upload", "nan"], "'--limit-upload': 'nan' is no rate"),
        (["backup", ".", "--limit-upload", "inf"], "'--limit-upload': inf is not in the range"),
        (["backup", ".", "--stop-at", "25:00"], "--stop-at: '25:00' is no time; write 06:00"),
        (["backup", ".", "--stop-at", "9999-12-31T23:59:59-12:00"], "--stop-at: "),
        (["backup", ".", "--time", "yesterday"], "--time: 'yesterday' is no time"),
        (["backup", ".", "--exclude", "[z-a]"], "the pattern '[z-a]' is none: bad character range"),
        (["backup", ".", "--exclude", "[a"], "the pattern '[a' has a `[` without `]`"),
        (["restore", "latest", "--target", "x", "--stop-at", "25:00"], "--stop-at: '25:00' is no time"),
        (["restore", "latest", "--target", ""], "'--target' / '-t': the path is empty"),
        (["restore", "latest:/folder", "--target", "x"], "`restore` chooses with --include /folder"),
        (["snapshots", "--latest", "-1"], "'--latest': -1 is not in the range"),
        (["forget", "--keep-last", "-5"], "'--keep-last' / '-l': -5 is not in the range"),
        (["snapshots", "--latest", "0"], "'--latest': 0 is not in the range"),
        (["snapshots", "--cacert", "/no/such/file"], "--cacert: there is no file /no/such/file"),
        (["backup", ".", "--stop-at", ""], "--stop-at: '' is no time; write 06:00"),
        (["backup", ".", "--parent", ""], "--parent is empty; give a snapshot"),
        (["forget", "--keep-last", "many"], "'--keep-last' / '-l': 'many' is not a valid integer"),
        (["forget", "--keep-within", "soon"], "--keep-within: 'soon' is no duration; write it like 2y5m7d3h"),
        (["forget", "--keep-within", "0d"], "no policy was given, so nothing was removed"),
        (["ls", "latest:/folder"], "`ls` and `dump` take the path behind the snapshot"),
        (["probe", "--size", "0"], "--size: 0 is not between 1 byte and 1 GiB"),
        (["probe", "--size", "5000000T"], "--size: 5000000T is not between 1 byte and 1 GiB"),
        (["probe", "--size", "big"], "--size: 'big' is no size; write 8MiB"),
        (["check", "--read-data-subset", "1e3%"], "--read-data-subset: '1e3%' is not understood; write 10%"),
        (["check", "--read-data-subset", "0M"], "--read-data-subset: 0M would read nothing"),
        (
            ["check", "--read-data", "--read-data-subset", "5%"],
            "leave out --read-data-subset, or --read-data",
        ),
        (["prune", "--max-unused", "101%"], "--max-unused: 101% is more than everything"),
        (["prune", "--max-unused", "nan%"], "--max-unused: 'nan%' is not understood; write 5%"),
    ],
)
def test_options_that_make_no_sense_change_nothing(empty: str, arguments: list[str], said: str) -> None:
    done = _call(*arguments, repository=empty)
    assert done.exit_code in (UsageError.exit_code, 2)  # 2 is the option parser's own
    assert said in done.output
    assert isinstance(done.exception, SystemExit)
    assert list_snapshots(open_repository(empty, PASSWORD)) == []


def test_a_window_of_snapshots_that_reaches_back_too_far_is_refused(location: str) -> None:
    backup(open_repository(location, PASSWORD), [location])
    done = _call("forget", "--keep-within", "99999999999999y", repository=location)
    assert done.exit_code == UsageError.exit_code
    assert "reaches back beyond the year 1" in done.output
    assert len(list_snapshots(open_repository(location, PASSWORD))) == 1


def test_a_file_that_holds_no_certificate_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("no certificate")
    done = _call("-r", "s3:https://127.0.0.1:1/bucket", "--cacert", str(tmp_path / "ca"), "snapshots")
    assert done.exit_code == UsageError.exit_code
    assert f"the CA file {tmp_path / 'ca'} (--cacert" in done.output


def test_missing_credentials_are_named_with_the_places_where_they_may_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "MIGRATION_OPS_S3_CREDENTIALS_FILE"):
        monkeypatch.delenv(name, raising=False)
    # Where the client asks if it was given none; nothing listens there.
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("MIGRATION_OPS_S3_RETRY_SECONDS", "0")
    done = _call("-r", "s3:http://127.0.0.1:1/bucket", "snapshots")
    assert done.exit_code == StorageDenied.exit_code
    assert "there are no credentials. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or" in done.output
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    done = _call("-r", "s3:http://127.0.0.1:1/bucket", "snapshots")
    assert "half of the S3 credentials is missing: set AWS_SECRET_ACCESS_KEY, too" in done.output


def test_a_summary_that_cannot_be_written_is_told(location: str) -> None:
    done = _call("stats", "--summary-file", "/no/such/folder/file", repository=location)
    assert "cannot write --summary-file /no/such/folder/file: No such file or directory" in done.stderr


def test_a_count_may_be_unlimited(location: str) -> None:
    backup(open_repository(location, PASSWORD), [location])
    for count in ("unlimited", "-1"):
        done = _call("forget", "--keep-last", count, repository=location)
        assert "kept 1 snapshots, removed 0" in done.output


def test_a_target_that_is_a_file_is_named(location: str, tmp_path: Path) -> None:
    backup(open_repository(location, PASSWORD), [location])
    (tmp_path / "file").write_text("stays")
    for command in ("restore", "verify"):
        done = _call(command, "latest", "--target", str(tmp_path / "file"), repository=location)
        assert done.exit_code == UsageError.exit_code
        assert f"the target {tmp_path / 'file'} is" in done.output
    assert (tmp_path / "file").read_text() == "stays"


def test_a_dry_run_into_a_folder_that_is_not_there_counts(location: str, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/file").write_text("x")
    backup(open_repository(location, PASSWORD), [tmp_path / "source"], as_root=True)
    done = _call("restore", "latest", "--target", str(tmp_path / "no"), "--dry-run", repository=location)
    assert "would restore 1 of 1 files" in done.output
    assert not (tmp_path / "no").exists()
