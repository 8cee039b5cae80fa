"""``python -m tests.demo up|down``: what ``make demo`` and ``make demo-down`` run."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from rich.console import Console
from rich.table import Table

from tests.demo import metadata_database, preflight
from tests.demo.airflow_stack import USER, AirflowStack
from tests.demo.ground import Ground, foreign_ground, lab_ground
from tests.demo.process import stop_all
from tests.demo.progress import Progress
from tests.demo.scenario import Scenario, Step
from tests.demo.shop import deployment
from tests.demo.workspace import Workspace, lab_name, log_folder
from tests.lab import Lab


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the two commands; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description=__doc__)
    parser.add_argument("command", choices=["up", "down"])
    command = parser.parse_args(arguments).command
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    progress = Progress()
    try:
        if command == "up":
            preflight.check()
        workspace = Workspace()
        with workspace.alone(), progress.signs_of_life():
            if command == "down":
                down(workspace, progress)
            else:
                up(workspace, progress)
    except preflight.NotHereError as reason:
        print(f"{reason}\nDEMO FAILED: this machine lacks what is listed above", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "\nDEMO FAILED: interrupted; `make demo` starts anew, `make demo-down` removes everything",
            file=sys.stderr,
        )
        return 130
    except Exception as error:  # noqa: BLE001 - whatever it is, the last line says that the demo failed and why
        print(f"\n{type(error).__name__}: {error}", file=sys.stderr)
        print(f"DEMO FAILED after {progress.seconds:.0f} s; logs: {log_folder()}", file=sys.stderr)
        return 1
    return 0


def up(workspace: Workspace, progress: Progress) -> None:
    """Set up everything, migrate the shop, check, and leave the UI running."""
    stop_all(workspace)
    workspace.clear()
    stack = AirflowStack(workspace, progress)
    # Airflow needs no cluster to start: it does so while those come up and the shop opens.
    airflow = ThreadPoolExecutor(max_workers=1).submit(_timed, stack, progress)
    ground = _ground(workspace, progress)
    scenario = Scenario(ground, workspace, progress)
    scenario.steps.append(Step("start two clusters and S3", progress.seconds))
    scenario.open_shop()
    scenario.steps.append(airflow.result())
    scenario.migrate()
    _print_table(scenario)
    verify(scenario)
    print(f"Airflow's UI: {stack.address}  (user {USER}, password {stack.password})")
    print(f"Kubeconfigs: {ground.source.kubeconfig} and {ground.target.kubeconfig}; logs: {workspace.logs}")
    print(f"`make demo-down` removes all of it.\nDEMO SUCCEEDED in {progress.seconds:.0f} s")
    ground.close()


def _timed(stack: AirflowStack, progress: Progress) -> Step:
    began = time.monotonic()
    with progress.phase("Airflow"):
        stack.start()
    return Step("start Airflow (meanwhile)", time.monotonic() - began)


def verify(scenario: Scenario) -> None:
    """Run every check, print each one's result.

    :raises AssertionError: when one or more do not hold, naming them
    """
    failed = []
    for sentence, method in scenario.all_checks():
        try:
            scenario.progress.say(f"ok: {sentence} ({method()})")
        except AssertionError as error:
            failed.append(f"{sentence} {error}")
            scenario.progress.say(f"NOT SO: {sentence} {error}")
    if failed:
        raise AssertionError("\n".join(failed))


def down(workspace: Workspace, progress: Progress) -> None:
    """Stop and remove everything that the demo started, the lab included."""
    with progress.phase("stop Airflow and the ledger"):
        AirflowStack(workspace, progress).stop()
        stop_all(workspace)
        metadata_database.remove(workspace)
    clusters_of_ones_own = workspace.facts().get("foreign")
    if isinstance(clusters_of_ones_own, dict):
        with progress.phase("remove the shop from the clusters"):
            ground = foreign_ground(clusters_of_ones_own)
            deployment.remove((ground.source, ground.target), progress)
            ground.close()
    else:
        with progress.phase("stop the lab"):
            Lab(lab_name()).down()
    workspace.clear()
    print("DEMO REMOVED")


def _ground(workspace: Workspace, progress: Progress) -> Ground:
    if preflight.is_foreign():
        settings = {name: value for name, value in os.environ.items() if name.startswith("DEMO_")}
        workspace.remember(foreign=settings)  # for `down`, which may be typed in another shell
        return foreign_ground(settings)
    with progress.phase("lab: two Kubernetes clusters and an S3 server"):
        return lab_ground(Lab.up(lab_name()))


def _print_table(scenario: Scenario) -> None:
    table = Table(title="What the demo did")
    table.add_column("step")
    for name in ("seconds", "uploaded", "downtime"):
        table.add_column(name, justify="right")
    for step in scenario.steps:
        uploaded = "" if step.uploaded_bytes is None else f"{step.uploaded_bytes / 1e6:.1f} MB"
        downtime = "" if step.downtime_seconds is None else f"{step.downtime_seconds:.1f} s"
        table.add_row(step.name, f"{step.seconds:.1f}", uploaded, downtime)
    Console().print(table)
    if scenario.told_downtime is not None:
        print(f"Downtime as the cutover reports it: {scenario.told_downtime:.1f} s")


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # not sys.exit: after a failure it would wait for the thread that starts Airflow
