"""Run the project's checks phase by phase: `python -m tests.phases fast|all|long|lint|types`.

Each phase is announced, timed and counted. A failed phase does not stop the later ones, so that one
run shows all there is to mend. The lab is started once, before the first phase that needs it, and is
stopped at the end if it did not run before. In `all`, the end-to-end tests, which mostly wait, run beside
the phases after the lab's start and are printed when they ended; in `long` they stop the lab's parts, so
they run alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Phase:
    """One step: a name and its commands; pytest's counts are read from its JUnit file."""

    name: str
    commands: tuple[tuple[str, ...], ...]


@dataclass
class Outcome:
    """What a phase came to: seconds, exit status, and the tests it ran."""

    name: str
    seconds: float = 0.0
    ok: bool = True
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    reasons: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def tool(name: str, *arguments: str) -> tuple[str, ...]:
    """Command line of a tool of this environment."""
    return (str(BIN / name), *arguments)


def pytest(*arguments: str) -> tuple[str, ...]:
    """Command line of one pytest run."""
    return (sys.executable, "-m", "pytest", "--durations=5", *arguments)


LINT = Phase(
    "lint",
    (tool("ruff", "check", "."), tool("ruff", "format", "--check", "."), tool("lint-imports", "--no-cache")),
)
TYPES = Phase("types", (tool("mypy"),))
UNIT = Phase("unit", (pytest("tests/unit", "-n", "2", "--dist", "worksteal"),))
INTEGRATION = Phase("integration", (pytest("tests/integration", "-n", "2", "--dist", "loadfile"),))
E2E = Phase("e2e", (pytest("tests/e2e", "-s", "--timeout=1200"),))

SIGN_OF_LIFE_SECONDS = 10
FAILURE_CHARS = 400
FAILURES_TOLD = 8
PLANS = {
    "lint": (LINT,),
    "types": (TYPES,),
    "fast": (LINT, TYPES, UNIT),
    "all": (LINT, TYPES, UNIT, INTEGRATION, E2E),
    "long": (LINT, TYPES, UNIT, INTEGRATION, E2E),
}


def run_phase(phase: Phase, environment: dict[str, str], output: IO[bytes] | None = None) -> Outcome:
    """Run a phase's commands, all of them, and count what pytest ran.

    :param output: where their output goes; this process's own without one.
    """
    outcome = Outcome(phase.name)
    started = time.monotonic()
    for command in phase.commands:
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "junit.xml"
            extra = (f"--junitxml={report}",) if "pytest" in command else ()
            process = subprocess.Popen(
                [*command, *extra], cwd=ROOT, env=environment, stdout=output, stderr=output
            )
            status = wait_aloud(process, phase.name) if not extra else process.wait()
            outcome.ok &= status == 0
            if report.exists():
                count(report, outcome)
    outcome.seconds = time.monotonic() - started
    return outcome


def wait_aloud(process: subprocess.Popen[bytes], name: str) -> int:
    """Wait for a program that is silent until its end, with a sign of life now and then; its exit status."""
    while True:
        try:
            return process.wait(SIGN_OF_LIFE_SECONDS)
        except subprocess.TimeoutExpired:
            print(f"   {name} goes on", flush=True)


def count(report: Path, outcome: Outcome) -> None:
    """Add a JUnit file's counts, the reasons of its skips, and what its failures say."""
    for case in ET.parse(report).getroot().iter("testcase"):
        skipped = case.find("skipped")
        failures = [*case.iter("failure"), *case.iter("error")]
        if skipped is not None:
            outcome.skipped += 1
            outcome.reasons.append(skipped.get("message", ""))
        elif failures:
            outcome.failed += 1
            message = " ".join(failures[0].get("message", "").split())
            outcome.failures.append(f"{case.get('classname')}::{case.get('name')}: {message[:FAILURE_CHARS]}")
        else:
            outcome.passed += 1


class PhaseBeside:
    """A phase that runs while others do; its output is kept and printed when it ended."""

    def __init__(self, phase: Phase, environment: dict[str, str]) -> None:
        self.phase = phase
        self.log = tempfile.NamedTemporaryFile(prefix="migration-ops-phase-", suffix=".log")  # noqa: SIM115
        self.outcome = Outcome(phase.name, ok=False)
        self._thread = threading.Thread(target=self._run, args=(environment,))
        self._thread.start()

    def _run(self, environment: dict[str, str]) -> None:
        self.outcome = run_phase(self.phase, environment, self.log)

    def join(self) -> None:
        """Wait for its end."""
        self._thread.join()

    def wait(self) -> Outcome:
        """Wait for its end, with a sign of life now and then, and print what it printed."""
        while self._thread.is_alive():
            self._thread.join(SIGN_OF_LIFE_SECONDS)
            if self._thread.is_alive():
                print(f"   {self.phase.name} goes on: {self._last_line()}", flush=True)
        sys.stdout.write(Path(self.log.name).read_text(encoding="utf-8", errors="replace"))
        self.log.close()
        return self.outcome

    def _last_line(self) -> str:
        lines = Path(self.log.name).read_text(encoding="utf-8", errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


def run(plan: str) -> int:
    """Run all phases of `plan`; the exit status is 0 if every one succeeded."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    if plan == "long":
        environment["MIGRATION_OPS_LONG_TESTS"] = "1"
    phases = PLANS[plan]
    lab = LabKeeper(wanted=any(phase in (INTEGRATION, E2E) for phase in phases))
    beside: PhaseBeside | None = None
    outcomes = []
    try:
        for number, phase in enumerate(phases, start=1):
            if phase is UNIT:
                lab.start()
                if plan == "all":
                    print(
                        f"\n== {len(phases)}/{len(phases)} {E2E.name} begins, beside the others", flush=True
                    )
                    beside = PhaseBeside(E2E, environment)
            print(f"\n== {number}/{len(phases)} {phase.name}", flush=True)
            outcomes.append(beside.wait() if phase is E2E and beside else run_phase(phase, environment))
            print(
                f"== {phase.name}: {'ok' if outcomes[-1].ok else 'FAILED'}, {outcomes[-1].seconds:.0f} s",
                flush=True,
            )
    finally:
        if beside:
            beside.join()
        lab.stop()
    return summarise(outcomes)


class LabKeeper:
    """Starts the lab for the tests, and stops it again if it was not there before."""

    def __init__(self, *, wanted: bool) -> None:
        self.wanted = wanted
        self.started = False

    def start(self) -> None:
        """Bring the lab up where it can run; elsewhere the tests skip and say why."""
        if not self.wanted:
            return
        from tests.lab import Lab, preflight  # the fast phases must not need it

        missing = preflight()
        if missing:
            print("== the lab can't run here, its tests will skip: " + "; ".join(missing), flush=True)
            return
        print("\n== lab", flush=True)
        self.started = not any(part.pid for part in Lab().status())
        subprocess.run([sys.executable, "-m", "tests.lab", "up"], cwd=ROOT, check=True)

    def stop(self) -> None:
        """Take the lab down if `start` brought it up."""
        if self.started and not os.environ.get("MIGRATION_OPS_KEEP_LAB"):
            subprocess.run([sys.executable, "-m", "tests.lab", "down"], cwd=ROOT, check=False)


def summarise(outcomes: list[Outcome]) -> int:
    """Print one line a phase, the reasons of skips, what failed, and the closing count."""
    print("\n== summary")
    for outcome in outcomes:
        tests = f"{outcome.passed} passed, {outcome.failed} failed, {outcome.skipped} skipped"
        print(
            f"   {outcome.name:<12} {'ok' if outcome.ok else 'FAILED':<7} {outcome.seconds:6.0f} s   {tests}"
        )
    for reason in sorted({reason for outcome in outcomes for reason in outcome.reasons}):
        print(f"   skipped: {reason}")
    # Told again at the very end: often the end of a long log is all that somebody gets to see.
    failures = [failure for outcome in outcomes for failure in outcome.failures]
    for failure in failures[:FAILURES_TOLD]:
        print(f"   failed: {failure}")
    if len(failures) > FAILURES_TOLD:
        print(f"   … and {len(failures) - FAILURES_TOLD} more, above")
    # Lint and types count as one check each, so that every phase shows in the closing line.
    checks = [outcome for outcome in outcomes if not outcome.passed + outcome.failed + outcome.skipped]
    passed = sum(outcome.passed for outcome in outcomes) + sum(outcome.ok for outcome in checks)
    failed = sum(outcome.failed for outcome in outcomes) + sum(not outcome.ok for outcome in checks)
    broken = [outcome.name for outcome in outcomes if not outcome.ok]
    print(f"{passed} passed, {failed} failed, {sum(outcome.skipped for outcome in outcomes)} skipped")
    print("SUCCESS: every phase passed" if not broken else f"FAILURE in: {', '.join(broken)}", flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in PLANS:
        sys.exit(f"usage: python -m tests.phases {'|'.join(PLANS)}")
    sys.exit(run(sys.argv[1]))
