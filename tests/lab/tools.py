"""Run the tools that the lab is made with (apt, go, debootstrap): to the end, logged, and never left behind.

Daemons are another matter: see ``daemons.py``.
"""

from __future__ import annotations

import os
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.lab.errors import LabError

# A process and mount namespace of its own: whatever kills us also kills every descendant of the tool, and
# what it mounted is gone with it. A half-made folder can then always be deleted without deleting through a
# mount.
ISOLATED = (
    *("setpriv", "--pdeathsig", "KILL"),
    *(
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "--",
    ),
)
KEPT_LINES = 25


def run_tool(
    command: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    isolated: bool = False,
    on_line: Callable[[str], None] | None = None,
) -> None:
    """Run a tool and wait for it.

    :param log: its output is appended here.
    :param environment: added to our own environment.
    :param isolated: run it so that it and what it starts and mounts end with us.
    :param on_line: called with each line of output.
    :raises LabError: it failed; the message ends with its last lines.
    """
    words = [str(word) for word in command]
    log.parent.mkdir(parents=True, exist_ok=True)
    last: deque[str] = deque(maxlen=KEPT_LINES)
    with log.open("a", encoding="utf-8") as out:
        out.write(f"+ {' '.join(words)}\n")
        with subprocess.Popen(
            [*ISOLATED, *words] if isolated else words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            encoding="utf-8",
            errors="replace",
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                out.write(line)
                last.append(line)
                if on_line:
                    on_line(line)
    if process.returncode:
        raise LabError(f"{words[0]} ended with status {process.returncode}; log: {log}\n{''.join(last)}")


def output_of(command: Sequence[str | Path], *, timeout_seconds: float = 120) -> str:
    """Return what a quick command prints.

    :raises LabError: it failed, or hangs; the message holds what it wrote to standard error.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=timeout_seconds,
        )
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{' '.join(words)} hangs: ended after {timeout_seconds:.0f} s") from error
    if done.returncode:
        raise LabError(f"{' '.join(words)} ended with status {done.returncode}: {done.stderr.strip()}")
    return done.stdout
