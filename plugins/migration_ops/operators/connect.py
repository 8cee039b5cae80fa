"""The steps of `PLAN.connect`: whether everything is reached, and whether we may do what we will have to."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from migration_ops.operators.asking import await_answer
from migration_ops.operators.base import MigrationOperator, movers_result
from migration_ops.operators.decision import note

if TYPE_CHECKING:
    from airflow.sdk import Context


class CheckClusterOperator(MigrationOperator):
    """Reads one cluster's version, identity and StorageClasses, and checks our rights there.

    :param side: `source` or `target`.
    """

    def __init__(self, *, side: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.side = side

    def execute(self, context: Context) -> dict[str, Any]:
        """Ask the cluster.

        :raises ReadinessError: if a right or a StorageClass is missing; names all that is.
        """
        from migration_ops.migration.readiness import check_source, check_target

        if self.side == "source":
            state = check_source(self.the_plan, self.source)
        else:
            state = check_target(self.the_plan, self.target)
        self.log.info("%s is Kubernetes %s, %s", state.name, state.version, state.identity)
        for line in state.lines():
            self.log.info("%s", line)
        state.raise_for_blockers()
        return state.model_dump(mode="json")


class InitVaultOperator(MigrationOperator):
    """Makes the vault's repository unless it exists, and opens it."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Open the repository; make it before if there is none."""
        made = self.vault_hook.init_if_missing()
        if (end := self.vault_hook.keys_end) is not None:
            from migration_ops.migration.readiness_report.vault_access import check_keys

            for warning in check_keys(self.the_plan, end, datetime.now(UTC)):
                self.log.warning("%s", warning.line())
        self.log.info("Vault %s %s", self.vault_hook.location, "was made" if made else "exists and opens")
        return {"location": self.vault_hook.location, "made": made}


class ProbeImagesOperator(MigrationOperator):
    """Lets the target pull every image that the plan's pods will need.

    Returns what became of each image (`ImagePull`); nothing if it shall not be tried.

    :param mode: `probe` (each image once), `pre-pull` (on every node that takes pods) or `no`.
    """

    template_fields = ("mode",)

    def __init__(self, *, mode: str = "probe", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mode = mode

    def execute(self, context: Context) -> None:
        """Start the Jobs that pull, and wait in the triggerer."""
        from migration_ops.migration.readiness_report import gather, start_round

        if self.mode == "no":
            return
        run = self.run_key(context)
        situation = gather(self.the_plan, self.source, self.target, run=run)
        started = start_round(situation, self.target, run, pre_pull=self.mode == "pre-pull")
        self.log.info(
            "The target pulls %d images in %d Jobs",
            sum(len(one.probe.images) for one in started),
            len(started),
        )
        arguments = {"started": [one.data() for one in started], "since": time.time()}
        await_answer(
            self, "image-pulls", arguments, patience=self.the_plan.movers.start_timeout, method="look"
        )

    def look(
        self, context: Context, event: dict[str, Any], arguments: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Take what is known by now, and remove the Jobs."""
        from migration_ops.migration.readiness_report import StartedProbe, look_at_probes, remove_probes

        started = [StartedProbe.of(one) for one in arguments["started"]]
        pulls: list[dict[str, Any]] = event["answer"] or [
            asdict(pull) for pull in look_at_probes(self.target, started)
        ]
        remove_probes(self.target, started)
        for pull in pulls:
            self.log.info("%s: %s %s", pull["state"], pull["image"], pull["reason"])
        return pulls


class ConnectReportOperator(MigrationOperator):
    """Tells what was found, keeps it for cutovers to come, and stops at blockers.

    :param found: what the clusters' checks found, by side.
    :param probes: the summaries of the vault probes, by side.
    :param pulls: what the image probes said; nothing if they weren't run.
    """

    template_fields = ("found", "probes", "pulls")

    def __init__(
        self, *, found: dict[str, Any], probes: dict[str, Any], pulls: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.found = found
        self.probes = probes
        self.pulls = pulls

    def execute(self, context: Context) -> str:
        """Write the table and the readiness report into the task's log.

        :raises ReadinessError: if something stands against a cutover; names all that does.
        """
        from migration_ops.migration.events import LOOKED
        from migration_ops.migration.looks import look_data
        from migration_ops.migration.readiness_report import (
            CONNECTED,
            ImagePull,
            Probed,
            gather,
            readiness_report,
        )
        from migration_ops.migration.report import connect_table
        from migration_ops.migration.vault_records import latest_restore_point
        from migration_ops.notifiers.telling import tell_findings

        run, plan = self.run_key(context), self.the_plan
        probes = {side: movers_result(probe) for side, probe in self.probes.items()}
        pulls = movers_result(self.pulls)
        probed = Probed(probes, None if pulls is None else [ImagePull(**pull) for pull in pulls])
        self.journal.write(run, CONNECTED, data=probed.data())
        text = connect_table(self.found, probes)
        for line in text.splitlines():
            self.log.info("%s", line)
        if plan.target is None:
            return text
        latest = latest_restore_point(self.repository, plan.name)
        situation = gather(
            plan,
            self.source,
            self.target,
            run=run,
            probes=probed.vault,
            pulls=probed.pulls,
            latest=latest,
            vault_keys_end=self.vault_hook.keys_end,
        )
        report = readiness_report(situation)
        for line in report.lines():
            self.log.info("%s", line)
        context["ti"].xcom_push(key="findings", value=report.counts)
        note(self, context, LOOKED, look_data(report, situation))
        tell_findings(plan, context, report.counts, report.short_lines())
        report.raise_for_blockers()
        return f"{text}\n\n{report.markdown()}"
