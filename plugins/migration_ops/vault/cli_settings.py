"""What all commands of ``migration-ops vault`` have in common: where the repository is, and how to speak."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from migration_ops.vault.errors import UsageError, VaultError
from migration_ops.vault.location import FORMS, StoreSettings, parse_location

if TYPE_CHECKING:
    from migration_ops.vault.repository import Repository

Command = TypeVar("Command", bound=Callable[..., Any])
_MOST_SUMMARY_BYTES = 4096


@dataclass
class Session:
    """The options of one call, and its output."""

    repo: str | None = None
    password_file: str | None = None
    json: bool = False
    verbose: int = 0
    summary_file: str | None = None
    cacert: str | None = None

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: Repository | None = None

    @property
    def location(self) -> str:
        """The repository's name.

        :raises UsageError: if none was given, or it can't be one.
        """
        location = self.repo or os.environ.get("RESTIC_REPOSITORY")
        if not location:
            raise UsageError(f"no repository given: use -r/--repo or RESTIC_REPOSITORY; {FORMS}")
        try:
            parse_location(location)
        except UsageError as error:
            raise UsageError(f"{'-r/--repo' if self.repo else 'RESTIC_REPOSITORY'}: {error}") from error
        return location

    @property
    def settings(self) -> StoreSettings:
        """Credentials and transport from flags and environment."""
        settings = StoreSettings.from_environment(os.environ)
        if self.cacert and (not os.path.exists(self.cacert) or os.path.isdir(self.cacert)):
            raise UsageError(
                f"--cacert: there is no file {self.cacert}; give one with certificates in PEM form"
            )
        return replace(settings, ca_file=self.cacert) if self.cacert else settings

    def password(self, file: str | None = None) -> str:
        """The repository's password, or the one in a file.

        :raises UsageError: if there is none and nobody can be asked.
        """
        file = file or self.password_file
        if not file and "RESTIC_PASSWORD" in os.environ:
            return os.environ["RESTIC_PASSWORD"]
        file = file or os.environ.get("RESTIC_PASSWORD_FILE")
        if file:
            try:
                # As restic: without what an editor puts around it.
                return Path(file).read_text(encoding="utf-8-sig").strip()
            except OSError as error:
                raise UsageError(f"cannot read the password file {file}: {error.strerror}") from error
            except UnicodeDecodeError as error:
                raise UsageError(f"the password file {file} isn't UTF-8 text: {error.reason}") from error
        if sys.stdin.isatty():
            return str(click.prompt("password", hide_input=True, err=True))
        raise UsageError("no password given; use --password-file, RESTIC_PASSWORD or RESTIC_PASSWORD_FILE")

    def keep_open(self) -> None:
        """Open the repository now; whoever opens it later gets this one."""
        self._kept = self.open()

    def open(self) -> Repository:
        """Open the repository."""
        from migration_ops.vault.repository import open_repository

        return self._kept or open_repository(self.location, self.password(), self.settings)

    def opening(self) -> Callable[[], Repository]:
        """Begin to open the repository: deriving the key takes as long as the imports of a large command.

        :returns: waits for the end, and returns the repository or raises what went wrong.
        """
        from migration_ops.vault.repository import open_repository

        if kept := self._kept:
            return lambda: kept
        location, password, settings = self.location, self.password(), self.settings
        found: list[Repository | BaseException] = []

        def work() -> None:
            try:
                found.append(open_repository(location, password, settings))
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
                found.append(error)

        thread = threading.Thread(target=work, name="open", daemon=True)
        thread.start()

        def wait() -> Repository:
            thread.join()
            if isinstance(found[0], BaseException):
                raise found[0]
            return found[0]

        return wait

    def emit(self, document: dict[str, Any]) -> None:
        """Print one JSON line."""
        text = json.dumps(document, ensure_ascii=True, default=str)
        with self._lock:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()

    def report(self, message: dict[str, Any]) -> None:
        """Show a message of a running command: as JSON, or as a line for people."""
        kind = message["message_type"]
        if kind == "verbose_status" and not self.verbose:
            return
        if self.json:
            self.emit(message)
        elif kind == "error":
            self.say(f"error: {message.get('item')}: {message['error']['message']}", error=True)
        elif kind == "warning":
            self.say(f"warning: {message['message']}", error=True)
        elif kind == "status" and (self.verbose or sys.stderr.isatty()):
            self.say(
                f"{message['percent_done']:6.1%}  {message['files_done']} files"
                f"  {message['bytes_done'] / 1e6:.1f} MB"
                f"  {message['seconds_remaining']} s left",
                error=True,
            )
        elif kind == "verbose_status":
            self.say(f"{message['action']}: {message['item']}")

    @property
    def progress(self) -> Callable[[dict[str, Any]], None]:
        """What long commands report to."""
        return self.report

    def say(self, text: str, *, error: bool = False) -> None:
        """Print a line for people; nothing in JSON mode."""
        if not self.json:
            click.echo(text, err=error)

    def finish(self, document: dict[str, Any], text: str) -> None:
        """Give the result: as a JSON line or for people, and in the summary file."""
        if self.json:
            self.emit(document)
        else:
            click.echo(text)
        self.write_summary(document)

    def fail(self, error: VaultError) -> None:
        """Give a fatal error the same ways."""
        document = {
            "message_type": "exit_error",
            "code": error.exit_code,
            "message": str(error),
            "retryable": error.retryable,
            "kind": type(error).__name__,
        }
        if self.json:
            self.emit(document)
        click.echo(f"Fatal: {error}", err=True)
        self.write_summary(document)

    def write_summary(self, document: dict[str, Any]) -> None:
        """Write the summary file: a pod's termination message holds no more than 4096 bytes."""
        if not self.summary_file:
            return
        text = json.dumps(document, ensure_ascii=True, default=str)
        if len(text) > _MOST_SUMMARY_BYTES:
            short = {
                name: value for name, value in document.items() if not isinstance(value, list | dict | tuple)
            }
            short |= {name: value[:1500] for name, value in short.items() if isinstance(value, str)}
            text = json.dumps(short, ensure_ascii=True, default=str)[:_MOST_SUMMARY_BYTES]
        try:
            Path(self.summary_file).write_text(text)
        except OSError as error:
            click.echo(f"cannot write --summary-file {self.summary_file}: {error.strerror}", err=True)


class GivenPath(click.Path):
    """A path that is not empty: an empty one, of a variable that was not set, would be the current folder."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse an empty path."""
        if not os.fspath(value):
            self.fail("the path is empty.", param, ctx)
        return super().convert(value, param, ctx)


def _set(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def callback(context: click.Context, _parameter: click.Parameter, value: Any) -> None:
        if value not in (None, False, 0):
            setattr(context.ensure_object(Session), name, value)

    return callback


def shared_options(command: Command) -> Command:
    """Take the shared options before and after the command's name, as restic does."""
    for option in (
        click.option("-r", "--repo", metavar="REPOSITORY", expose_value=False, callback=_set("repo"),
                     help="/path or s3:https://host/bucket/prefix [RESTIC_REPOSITORY]"),
        click.option("--password-file", "-p", metavar="FILE", expose_value=False,
                     callback=_set("password_file"),
                     help="file with the password [RESTIC_PASSWORD_FILE, RESTIC_PASSWORD]"),
        click.option("--json", is_flag=True, expose_value=False, callback=_set("json"),
                     help="JSON lines on stdout"),
        click.option("-v", "--verbose", count=True, expose_value=False, callback=_set("verbose"),
                     help="say more"),
        click.option("--summary-file", metavar="FILE", expose_value=False, callback=_set("summary_file"),
                     help="write the final summary or error there too, at most 4096 bytes"),
        click.option("--cacert", metavar="FILE", expose_value=False, callback=_set("cacert"),
                     help="PEM file with a CA to trust [RESTIC_CACERT, AWS_CA_BUNDLE]"),
    ):  # fmt: skip
        command = option(command)
    return command


def tag_lists(given: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """What several ``--tag a,b`` ask for: all tags of one of the lists."""
    return tuple(tuple(tag.strip() for tag in each.split(",")) for each in given)


def bytes_text(count: float) -> str:
    """A number of bytes for people."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.3f} {unit}"
        count /= 1024
    return f"{count:.3f} TiB"
