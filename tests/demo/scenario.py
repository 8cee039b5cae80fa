"""The demo's story: the shop trades, is backed up twice while it does, moves, and is checked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import yaml

from tests.demo import checks
from tests.demo.airflow_api import Run
from tests.demo.airflow_stack import AirflowStack
from tests.demo.ground import Ground
from tests.demo.ledger import Entry, read_ledger
from tests.demo.metadata_database import free_port
from tests.demo.process import Background
from tests.demo.progress import Progress
from tests.demo.shop import deployment
from tests.demo.shop.deployment import BYSTANDER, SOURCE_NAMESPACE, TARGET_NAMESPACE
from tests.demo.workspace import REPOSITORY, Workspace

PLAN = REPOSITORY / "include" / "plans" / "shop.yaml"
ORDERS_BETWEEN_STEPS = 50


@dataclass(frozen=True)
class Step:
    """A row of the table at the end.

    :param name: what was done
    :param seconds: how long it took
    :param uploaded_bytes: by how much the vault grew
    :param downtime_seconds: how long the shop took no orders because of it
    """

    name: str
    seconds: float
    uploaded_bytes: int | None = None
    downtime_seconds: float | None = None


@dataclass
class Scenario:
    """One whole migration of the shop.

    :param ground: the clusters and the S3 server
    :param workspace: keeps ledger, logs and settings
    :param progress: told of everything
    :param steps: rows of the table so far
    :param told_downtime: seconds of downtime as the cutover itself reports them
    :param bystanders: what the unrelated application was before, by cluster
    """

    ground: Ground
    workspace: Workspace
    progress: Progress
    steps: list[Step] = field(default_factory=list)
    told_downtime: float | None = None
    bystanders: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)

    @property
    def airflow(self) -> AirflowStack:
        """The demo's Airflow."""
        return AirflowStack(self.workspace, self.progress)

    def entries(self) -> list[Entry]:
        """Return what the ledger holds now."""
        return read_ledger(self.workspace.ledger)

    def open_shop(self) -> None:
        """Bring the shop up in the source, in place of that of an earlier run, and let it trade."""
        began = time.monotonic()
        clusters = (self.ground.source, self.ground.target)
        with self.progress.phase("remove what an earlier demo left in the clusters"):
            deployment.remove(clusters, self.progress)
            for side in ("source", "target"):
                (self.workspace.folder / f"{side}-account.kubeconfig").unlink(missing_ok=True)
            self.ground.store.make_empty()
        with self.progress.phase("images of the shop and the mover"):
            self.ground.provide_images(self.progress.say)
        with self.progress.phase("storage classes"):
            self.ground.source.ensure_storage_class(deployment.SOURCE_CLASS)
            self.ground.target.ensure_storage_class(deployment.TARGET_CLASS)
        with self.progress.phase("shop in the source, with 300 MB of data"):
            ledger_url = self._start_ledger()
            registries = (deployment.SOURCE_REGISTRY, deployment.TARGET_REGISTRY)
            classes = (deployment.SOURCE_CLASS, deployment.TARGET_CLASS)
            for cluster, registry, storage_class in zip(clusters, registries, classes, strict=True):
                deployment.deploy_bystander(cluster, registry, storage_class)
            password = self.workspace.secret("shop-database-password")
            count = deployment.deploy_shop(
                self.ground.source, ledger_url=ledger_url, database_password=password
            )
            self.progress.say(f"  {count} objects applied; waiting for pods")
            deployment.await_ready(self.ground.source, SOURCE_NAMESPACE, self.progress)
            for cluster in clusters:
                deployment.await_ready(cluster, BYSTANDER, self.progress)
            self.trade()
        self.steps.append(Step("open the shop", time.monotonic() - began))

    def _start_ledger(self) -> str:
        self.workspace.ledger.unlink(missing_ok=True)
        address, listening = self.ground.host_address, self.ground.host_address
        try:
            port = free_port(8089, listening)
        except OSError:  # pods reach this machine by an address that is translated on the way
            listening = "0.0.0.0"
            port = free_port(8089, listening)
        command: list[str | Path] = [sys.executable, "-m", "tests.demo.ledger", self.workspace.ledger]
        ledger = Background("ledger", self.workspace)
        ledger.start([*command, listening, str(port)], os.environ, cwd=REPOSITORY)

        def answers() -> bool:
            if not ledger.running():
                raise RuntimeError(f"the ledger ended:\n{ledger.last_lines()}")
            try:
                return httpx.get(f"http://{listening}:{port}", timeout=2).is_success
            except httpx.HTTPError:
                return False

        self.progress.wait_for("ledger answers", answers, seconds=60)
        return f"http://{address}:{port}/orders"

    def account(self, side: str) -> Path:
        """Return a kubeconfig of the account that works in a cluster, made as an operator makes it.

        Everything that migrates has the rights of ``include/rbac`` and no others.

        :raises RuntimeError: when the account could not be made
        """
        path = self.workspace.folder / f"{side}-account.kubeconfig"
        if not path.exists():
            admin = {"source": self.ground.source, "target": self.ground.target}[side].kubeconfig
            command = [
                str(Path(sys.executable).with_name("migration-ops")), "account", "kubeconfig", side,
                "--kubeconfig", str(admin), "--hours", "24", "--output", str(path),
            ]  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"{' '.join(command[1:4])} failed: {done.stdout}{done.stderr}")
        return path

    def connections(self) -> dict[str, dict[str, object]]:
        """Return Airflow's connections: two clusters and the vault."""
        store = self.ground.store
        extra = {"access_key": store.access_key, "secret_key": store.secret_key, "region": "us-east-1"}
        if store.ca_file:
            extra["ca"] = store.ca_file.read_text()
        return {
            "shop_source": _cluster_connection(self.account("source")),
            "shop_target": _cluster_connection(self.account("target")),
            "shop_vault": {
                "conn_type": "migration_ops_vault",
                "host": store.location,
                "password": self.workspace.secret("vault-password"),
                "extra": json.dumps(extra),
            },
        }

    def trade(self, orders: int = ORDERS_BETWEEN_STEPS) -> None:
        """Wait until the shop has taken some more orders."""
        wanted = len(self.entries()) + orders
        self.progress.wait_for(f"{orders} more orders", lambda: len(self.entries()) >= wanted, seconds=300)

    def migrate(self) -> None:
        """Run the plan's DAGs as its operators would: connect, full, incremental, cutover."""
        self.back_up()
        self.cut_over()

    def back_up(self) -> None:
        """Connect the clusters and make two restore points while the shop trades."""
        for cluster in (self.ground.source, self.ground.target):
            self.bystanders[cluster.name] = cluster.identities(BYSTANDER)
        self.airflow.connect(self.connections())
        self.dag_run("connect", "shop.connect")
        self.dag_run("full backup", "shop.backup", {"kind": "full"})
        self.trade()
        self.dag_run("incremental backup", "shop.backup", {"kind": "incremental"})
        self.trade()

    def cut_over(self) -> None:
        """Move the shop, and measure how long it took no orders."""
        run = self.dag_run("cutover", "shop.cutover")
        with self.airflow.api() as api:
            self.told_downtime = float(api.result(run, "report", "downtime_seconds"))
        self.progress.wait_for("the first order in the target", self._target_trades, seconds=180)
        downtime = checks.downtime(self.entries())
        self.steps[-1] = Step("cutover", self.steps[-1].seconds, self.steps[-1].uploaded_bytes, downtime)
        self.trade(10)

    def _target_trades(self) -> bool:
        return any(entry.namespace == TARGET_NAMESPACE for entry in self.entries())

    def dag_run(self, name: str, dag_id: str, conf: dict[str, object] | None = None) -> Run:
        """Run a DAG to its good end and note a row for the table."""
        stored = self.ground.store.stored_bytes()
        with self.progress.phase(name), self.airflow.api() as api:
            run = api.run(dag_id, conf)
        uploaded = self.ground.store.stored_bytes() - stored
        self.steps.append(Step(name, run.seconds, uploaded))
        return run

    def uploaded(self, name: str) -> int:
        """Return by how much the vault grew in a step."""
        return next(step.uploaded_bytes or 0 for step in self.steps if step.name == name)

    def check_orders(self) -> str:
        """Every acknowledged order is in the target's database once, with the right checksum."""
        entries = self.entries()
        stored = checks.stored_orders(self.ground.target, TARGET_NAMESPACE)
        return f"{checks.check_orders(entries, stored)} acknowledged orders, none lost, none twice"

    def check_web(self) -> str:
        """The target's web tier answers through its Service."""
        return f"shows {checks.check_web(self.ground.target)} orders"

    def check_mapping(self) -> str:
        """Images and StorageClasses are the mapped ones."""
        checks.check_mapping(self.ground.target)
        return f"{deployment.TARGET_REGISTRY}, {deployment.TARGET_CLASS}"

    def check_resources(self) -> str:
        """Configuration, access rights, custom resources, Services and the like came along."""
        checks.check_resources(self.ground.target)
        return "all there, none with the source cloud's annotations"

    def check_left_out(self) -> str:
        """What was excluded is absent."""
        checks.check_left_out(self.ground.target)
        return "the cache's files stayed behind"

    def check_untouched(self) -> str:
        """The unrelated application is as it was, in both clusters."""
        for cluster in (self.ground.source, self.ground.target):
            checks.check_untouched(self.bystanders[cluster.name], cluster.identities(BYSTANDER), cluster.name)
        return "same objects with the same content"

    def check_quiesced(self) -> str:
        """The source is quiesced and remembers what it was."""
        checks.check_quiesced(self.ground.source)
        return "nothing runs there"

    def check_delta(self) -> str:
        """The final backup uploaded less than a tenth of the full one."""
        full, final = self.uploaded("full backup"), self.uploaded("cutover")
        assert 0 < final < full / 10, f"the final backup uploaded {final} bytes, the full one {full}"
        return f"{final / 1e6:.1f} MB after {full / 1e6:.1f} MB"

    def all_checks(self) -> list[tuple[str, Callable[[], str]]]:
        """Return every check with its sentence."""
        methods = (
            self.check_orders,
            self.check_web,
            self.check_mapping,
            self.check_resources,
            self.check_left_out,
            self.check_untouched,
            self.check_quiesced,
            self.check_delta,
        )
        return [(str(method.__doc__), method) for method in methods]

    def resume_source(self) -> None:
        """Bring the source back by ``migration-ops resume``, without Airflow; wait until it trades."""
        store = self.ground.store
        command = [
            str(Path(sys.executable).with_name("migration-ops")), "resume",
            "--plan", str(PLAN), "--kubeconfig", str(self.account("source")),
        ]  # fmt: skip
        environment = {
            **os.environ,
            "RESTIC_REPOSITORY": store.location,
            "RESTIC_PASSWORD": self.workspace.secret("vault-password"),
            "AWS_ACCESS_KEY_ID": store.access_key,
            "AWS_SECRET_ACCESS_KEY": store.secret_key,
            **({"RESTIC_CACERT": str(store.ca_file)} if store.ca_file else {}),
        }
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(
                f"migration-ops resume ended with {done.returncode}: {done.stdout}{done.stderr}"
            )
        deployment.await_ready(self.ground.source, SOURCE_NAMESPACE, self.progress)
        seen = sum(entry.namespace == SOURCE_NAMESPACE for entry in self.entries())
        self.progress.wait_for(
            "the source takes orders again",
            lambda: sum(entry.namespace == SOURCE_NAMESPACE for entry in self.entries()) > seen,
            seconds=180,
        )


def _cluster_connection(kubeconfig: Path) -> dict[str, object]:
    return {
        "conn_type": "kubernetes",
        "extra": json.dumps({"kube_config": json.dumps(yaml.safe_load(kubeconfig.read_text()))}),
    }
