"""``python -m tests.bench``: our vault against restic and borg, as a table with ratios of the same run."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench import datasets
from tests.bench.bucket import Bucket, lab_bucket
from tests.bench.measure import Measurement, is_in_memory, median, raise_file_limit, settle
from tests.bench.programs import ProgramsMissingError, borg, newest_restic
from tests.bench.programs_under_test import Borg, Ours, Restic

# Least ratio to restic that is wanted of each task, by data set.
BARS = {
    ("mixed", "full backup"): 2.5,
    ("mixed", "incremental, 1 % changed"): 3.0,
    ("mixed", "restore"): 2.0,
    ("mixed", "delta restore"): 4.0,
    ("huge", "delta restore"): 10.0,
}


TASKS = ("full", "incremental", "restore", "delta")
DATASETS = ("mixed", "database", "many", "huge", "s3")


class Bench:
    """One data set, several programs in turns."""

    def __init__(
        self, name: str, folder: Path, rounds: int, programs: list[Ours | Borg], tasks: Sequence[str]
    ) -> None:
        self.name = name
        self.folder = folder
        self.rounds = rounds
        self.programs = programs
        self.source = folder / "source"
        self._tasks = tasks
        self.rows: list[tuple[str, str, Measurement, int]] = []

    def _turns(
        self,
        task: str,
        work: Callable[[Ours | Borg], Measurement],
        prepare: Callable[[Ours | Borg], None],
        programs: list[Ours | Borg] | None = None,
    ) -> None:
        found: dict[str, list[Measurement]] = {}
        is_wanted = any(task.startswith(wanted) for wanted in self._tasks)
        for number in range(self.rounds if is_wanted else 1):
            chosen = programs or self.programs
            for program in chosen if number % 2 == 0 else reversed(chosen):
                prepare(program)
                settle()
                found.setdefault(program.name, []).append(work(program))
        for program in (programs or self.programs) if is_wanted else ():
            self.rows.append((task, program.name, median(found[program.name]), program.stored_bytes()))
            print(_line(self.name, *self.rows[-1], self._restic(task)), flush=True)

    def _put_away(self, target: Path, used: Path) -> None:
        """Make room for the next restore.

        An ext4 without journal passes over inodes that were deleted lately one by one: a restore right after
        a deletion takes several times as long. So on a disk nothing is deleted before all had their turn.
        """
        if not target.exists():
            return
        if is_in_memory(self.folder):
            shutil.rmtree(target)
        else:
            used.mkdir(exist_ok=True)
            target.rename(used / str(len(list(used.iterdir()))))

    def _restic(self, task: str) -> Measurement | None:
        return next((m for row, name, m, _ in self.rows if row == task and name == "restic"), None)

    def run(self, change: Callable[[Path], None]) -> None:
        """Full, incremental, restore, delta restore."""
        self._turns("full backup", lambda p: p.backup(self.source), lambda p: p.init())
        before = {program.name: program.snapshots()[-1] for program in self.programs}
        change(self.source)
        for program in self.programs:
            program.keep()
        self._turns("incremental, 1 % changed", lambda p: p.backup(self.source), lambda p: p.reset())
        for program in self.programs:
            program.forget_kept()
        after = {program.name: program.snapshots()[-1] for program in self.programs}
        target = self.folder / "target"
        used = self.folder / "used"

        def empty(_program: Ours | Borg) -> None:
            self._put_away(target, used)

        self._turns("restore", lambda p: p.restore(before[p.name], self.source, target), empty)
        self._put_away(target, used)
        shutil.rmtree(used, ignore_errors=True)

        def hold_base(program: Ours | Borg) -> None:
            shutil.rmtree(target, ignore_errors=True)
            program.restore(before[program.name], self.source, target)

        self._turns(
            "delta restore",
            lambda p: p.restore_delta(after[p.name], before[p.name], self.source, target),  # type: ignore[union-attr]
            hold_base,
            [program for program in self.programs if isinstance(program, Ours)],
        )


def _line(
    dataset: str, task: str, name: str, found: Measurement, stored: int, restic: Measurement | None
) -> str:
    ratio = f"{restic.wall / found.wall:6.2f}x" if restic and name == "ours" else ""
    bar = BARS.get((dataset, task)) if name == "ours" else None
    verdict = f"(bar {bar:g})" if bar else ""
    return (
        f"{dataset:<9} {task:<26} {name:<7} {found.wall:7.2f} s {found.cpu:7.2f} CPU s"
        f" {found.memory / 1e6:6.0f} MB"
        f" {stored / 1e6:8.1f} MB stored {ratio} {verdict}"
    )


def _bench(
    name: str,
    folder: Path,
    scale: float,
    rounds: int,
    bucket: Bucket | None,
    *,
    tasks: Sequence[str],
    with_borg: bool,
) -> None:
    programs: list[Ours | Borg] = [Restic(folder, newest_restic(), bucket), Ours(folder, bucket)]
    if with_borg and bucket is None:
        try:
            programs.append(Borg(folder, *borg()))
        except ProgramsMissingError as reason:
            print(f"without borg: {reason}", flush=True)
    _warm_up(folder / "warm up", programs)
    bench = Bench(name, folder, rounds, programs, tasks)
    print(f"making {name}", flush=True)
    source = bench.source
    if name == "database":
        datasets.make_database(source, int((4 << 30) * scale))
        bench.run(datasets.change_database)
        return
    if name == "many":
        datasets.make_small(source, int(200_000 * scale))
    elif name == "huge":
        datasets.make_mixed(source, int(200_000 * scale), max(8, int(400 * scale) // 8 * 8))
    else:
        share = scale / 4 if bucket is not None else scale  # the lab's store lives in memory
        datasets.make_mixed(source, int(20_000 * share), max(8, int(128 * share) // 8 * 8))
    bench.run(datasets.change_mixed)


def _warm_up(folder: Path, programs: list[Ours | Borg]) -> None:
    """Run each program once on next to nothing, so that no measured run has to make byte code."""
    (folder / "source").mkdir(parents=True)
    (folder / "source/file").write_text("warm up")
    for program in programs:
        program.init()
        program.backup(folder / "source")
        program.restore(program.snapshots()[-1], folder / "source", folder / program.name)
    shutil.rmtree(folder)


def main() -> None:
    """Make the data sets and run the programs on them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "datasets", nargs="*", default=list(DATASETS), help=f"{', '.join(DATASETS)}; all of them otherwise"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--tasks",
        nargs="+",
        default=list(TASKS),
        choices=TASKS,
        help="what to measure; others are done once",
    )
    parser.add_argument("--scale", type=float, default=1.0, help="share of the usual sizes")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder otherwise")
    parser.add_argument("--without-borg", action="store_true")
    arguments = parser.parse_args()
    unknown = set(arguments.datasets) - set(DATASETS)
    if unknown:
        parser.error(f"no data set is called {', '.join(sorted(unknown))}; there are {', '.join(DATASETS)}")
    raise_file_limit()
    for name in arguments.datasets:
        with (
            tempfile.TemporaryDirectory(prefix="bench-", dir=arguments.folder) as folder,
            lab_bucket() if name == "s3" else contextlib.nullcontext() as bucket,
        ):
            _bench(
                name, Path(folder), arguments.scale, arguments.rounds, bucket,
                tasks=arguments.tasks, with_borg=not arguments.without_borg,
            )  # fmt: skip


if __name__ == "__main__":
    main()
