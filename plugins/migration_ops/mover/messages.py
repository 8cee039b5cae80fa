"""What a mover says: JSON lines on stdout while it works, a summary as its termination message."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

# The vault program's exit codes that starting it again can't mend: no repository, wrong password.
HOPELESS_EXIT_CODES = frozenset({10, 12})
# Done, but some files could not be read: the snapshot exists and names them.
INCOMPLETE_EXIT_CODE = 3


@dataclass
class Messages:
    """Messages of one reading of the log: the last progress, all problems, the summary if there is one.

    :param progress: the newest `status` message.
    :param problems: texts of `error` messages.
    :param summary: the `summary` message.
    :param other: lines that aren't messages, for example a traceback.
    """

    progress: dict[str, Any] | None = None
    problems: list[str] = field(default_factory=list)
    summary: dict[str, Any] | None = None
    other: list[str] = field(default_factory=list)


def read_messages(lines: Iterable[str]) -> Messages:
    """Sort the lines of a mover's log by what they are; nothing in them can make this fail."""
    found = Messages()
    for line in lines:
        message = parse_message(line)
        match message and message["message_type"]:
            case None:
                if line.strip():
                    found.other.append(line.rstrip())
            case "status":
                found.progress = message
            case "error":
                found.problems.append(problem_text(message or {}))
            case "summary":
                found.summary = message
            case _:
                pass
    return found


def parse_message(text: str | None) -> dict[str, Any] | None:
    """One message, or nothing if the text isn't one."""
    if not text or not text.lstrip().startswith("{"):
        return None
    try:
        message = json.loads(text)
    except ValueError:
        return None
    return message if isinstance(message, dict) and isinstance(message.get("message_type"), str) else None


def problem_text(message: dict[str, Any]) -> str:
    """An `error` or `exit_error` message in one line."""
    error = message.get("error")
    detail = error.get("message") if isinstance(error, dict) else message.get("message") or error
    item = message.get("item")
    return f"{item}: {detail}" if item else str(detail)


def progress_text(message: dict[str, Any]) -> str:
    """A `status` message in one line: `42 %, 120 of 300 files, 1.2 GiB of 3.0 GiB, 35 s left`.

    Where nobody knows how much there is, it tells what is done: `120 files, 1.2 GiB`.
    """
    if message.get("bytes_done") and not message.get("percent_done"):
        return f"{message.get('files_done', 0)} files, {size_text(message['bytes_done'])}"
    parts = [f"{100 * float(message.get('percent_done') or 0):.0f} %"]
    if message.get("total_files"):
        parts.append(f"{message.get('files_done', 0)} of {message['total_files']} files")
    if message.get("total_bytes"):
        parts.append(f"{size_text(message.get('bytes_done', 0))} of {size_text(message['total_bytes'])}")
    if message.get("seconds_remaining"):
        parts.append(f"{message['seconds_remaining']:.0f} s left")
    return ", ".join(parts)


def size_text(size_bytes: float) -> str:
    """A number of bytes for people: `1.2 GiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        shown = f"{size_bytes:.0f}" if unit == "B" else f"{size_bytes:.1f}"
        if abs(float(shown)) < 1024:  # what rounds up to the next unit is told in that one
            return f"{shown} {unit}"
        size_bytes /= 1024
    return f"{size_bytes:.1f} TiB"
