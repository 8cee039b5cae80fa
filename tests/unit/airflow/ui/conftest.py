"""The pages over a real vault in a folder, with Airflow's own permissions and a stand-in for its REST API."""

from __future__ import annotations

import asyncio
import dataclasses
import html
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import yaml

from migration_ops.cluster import Capture, CapturedObject, LeftOut
from migration_ops.migration import Plan
from migration_ops.migration.journal import Journal
from migration_ops.migration.report_page import Facts, build_report
from migration_ops.migration.report_page.storing import save_report
from migration_ops.migration.restore_point import LeftOutRecord, RestorePoint, SourceCluster, VolumeRecord
from migration_ops.migration.vault_records import commit_restore_point, save_documents
from migration_ops.vault import init_repository, open_repository

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
FULL, INCREMENT = "20261122T120000Z-full-aaaaaaaa", "20261122T130000Z-incremental-bbbbbbbb"
RUN = "manual-2026-11-22-cccccccc"
SECRET_VALUE, VAULT_PASSWORD, STORE_KEY = "hunter2-SECRET-MARKER", "vault-PASSWORD-MARKER", "store-KEY-MARKER"
HOSTILE = "<script>alert(1)</script>"
PLAN = {
    "apiVersion": "migration-ops/v1",
    "name": "shop",
    "description": f"A shop {HOSTILE}",
    "source": {"conn_id": "shop_source"},
    "target": {"conn_id": "shop_target"},
    "vault": {"conn_id": "shop_vault"},
    "namespaces": {"shop": "shop-prod"},
    "movers": {"image": "mover:1"},
}


def manifest(kind: str, name: str, api_version: str = "v1", **more: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"namespace": "shop", "name": name}, **more}


def encoded(text: str) -> str:
    import base64

    return base64.b64encode(text.encode()).decode()


OBJECTS = [
    manifest("ConfigMap", "settings", data={"url": f"postgres://app:{SECRET_VALUE}@db/shop"}),
    manifest("Secret", "keys", data={"password": encoded(SECRET_VALUE)}),
    manifest("Deployment", "web", "apps/v1", spec={"replicas": 2}),
]
CHANGES = [
    (
        "v1/ConfigMap/shop/settings",
        "/data/url",
        "local/url",
        f"postgres://app:{SECRET_VALUE}@db/shop",
        HOSTILE,
    ),
    (
        "v1/Secret/shop/keys",
        "/data/password",
        "local/secret",
        encoded(SECRET_VALUE),
        encoded(SECRET_VALUE + "2"),
    ),
    ("v1/Secret/shop/keys", "/metadata/namespace", "namespaces/objects", "shop", "shop-prod"),
    (
        "apps/v1/Deployment/shop/web",
        "/spec/template",
        "local/env",
        None,
        {"env": [{"name": "P", "value": SECRET_VALUE}]},
    ),
]
FINDINGS = [
    {
        "object": "v1/Secret/shop/keys",
        "severity": "warning",
        "rule": "local/x",
        "message": f"holds {SECRET_VALUE}",
    },
    {"object": HOSTILE, "severity": "blocker", "rule": "local/y", "message": HOSTILE, "suggestion": HOSTILE},
]


def make_vault(location: str) -> str:
    """A vault with two restore points, one of them adapted, and a cutover's journal and report."""
    repository = init_repository(location, VAULT_PASSWORD)
    journal = Journal(repository, "shop", "source")
    for number, (name, kind) in enumerate([(FULL, "full"), (INCREMENT, "incremental")]):
        began = NOON + timedelta(hours=number)
        tags = ["plan=shop", f"point={name}", "content=volume", "namespace=shop", "claim=data"]
        saved = save_documents(repository, {"file.json": [number] * 1000}, tags, "source")
        point = RestorePoint(
            id=name,
            plan="shop",
            kind=kind,  # type: ignore[arg-type]
            parent=FULL if number else None,
            started=began,
            finished=began + timedelta(minutes=1),
            cluster=SourceCluster(name="source", identity="1", version="1.20"),
            volumes=[
                VolumeRecord(
                    namespace="shop", claim="data", snapshot_id=saved, bytes=4000, files=1, warnings=[HOSTILE]
                )
            ],
            objects={"v1/ConfigMap": 1, "v1/Secret": 1, "apps/v1/Deployment": 1},
            left_out=[LeftOutRecord(object=HOSTILE, reason=f"because {HOSTILE}")],
        )
        captured = [CapturedObject(one, f"chosen {HOSTILE}") for one in OBJECTS]
        commit_restore_point(repository, point, Capture(captured, [], [LeftOut(HOSTILE, HOSTILE)]))
    report = {
        "changes": [dict(zip(("object", "path", "rule", "from", "to"), one, strict=True)) for one in CHANGES],
        "findings": FINDINGS,
        "dropped_objects": [
            {"object": "v1/Endpoints/shop/db", "rule": "cleanup/x", "reason": "made by its Service"}
        ],
    }
    tags = ["plan=shop", f"point={INCREMENT}", "content=adapted", f"run={RUN}"]
    save_documents(repository, {"report.json": report, "objects.json": OBJECTS}, tags, "source")
    at = NOON + timedelta(hours=2)
    steps = [
        "quiesce-begun",
        "quiesced",
        "final-delta",
        "restored",
        "applied",
        "ready",
        "verified",
        "finished",
    ]
    for step, name in enumerate(steps):
        ended = at + timedelta(seconds=10 * step)
        journal.write(RUN, name, began=ended - timedelta(seconds=5), ended=ended, data={})
    journal.write(RUN, "staged", data={})
    plan, events = Plan.model_validate(PLAN), journal.events(RUN)
    written = build_report(plan, "cutover", RUN, Facts(source="a", target="b", events=events))
    save_report(repository, written, "source")
    save_documents(repository, {}, ["plan=other"], "source")
    return location


def save(repository: Any, documents: dict[str, Any], tags: list[str]) -> str:
    """Write documents as one snapshot."""
    return save_documents(repository, documents, tags, "source")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Airflow's API server imports a test client that is about to change its dependency."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:Using .httpx. with .starlette"))


class Hook:
    """Stands in for the hook of the vault's connection."""

    def __init__(self, location: str) -> None:
        self.location = location

    def credentials(self) -> Any:
        return SimpleNamespace(
            environment={"RESTIC_PASSWORD": VAULT_PASSWORD, "AWS_SECRET_ACCESS_KEY": STORE_KEY}
        )

    def get_conn(self) -> Any:
        return opened(self.location)


@cache
def opened(location: str) -> Any:
    """The vault; deriving the key from its password takes half a second, which tests need pay but once."""
    return open_repository(location, VAULT_PASSWORD)


class FakeAirflow:
    """Stands in for Airflow's REST API."""

    def __init__(self, answers: dict[str, Any] | None = None) -> None:
        self.answers = {
            "/dags/~/dagRuns/~/hitlDetails": {"hitl_details": []},
            "/dags/~/dagRuns": {"dag_runs": []},
        } | (answers or {})

    async def get(self, path: str, **query: Any) -> Any:
        if path not in self.answers and path.endswith("/dagRuns") and "/dags/~/dagRuns" in self.answers:
            of_all = self.answers["/dags/~/dagRuns"]["dag_runs"]
            dag_id = path.split("/")[2]
            return {"dag_runs": [one for one in of_all if one["dag_id"] == dag_id]}
        if path not in self.answers:
            from migration_ops.ui.airflow_api import AirflowAwayError

            raise AirflowAwayError(f"Airflow's API answered 404 for {path}")
        return self.answers[path]


@dataclasses.dataclass
class Pages:
    """The application, asked as by a browser."""

    application: Any
    airflow: FakeAirflow

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.ask("GET", path, **options)

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.application)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.request(method, path, **options)

        return asyncio.run(ask())

    def settled(self, path: str) -> httpx.Response:
        """The page once what it shows has been read."""
        for _ in range(600):
            answer = self.get(path)
            being_read = " data-again>" in answer.text or '"reading":true' in answer.text
            for_programs = answer.headers["content-type"] == "application/json"
            if not being_read and (answer.status_code != 503 or not for_programs):
                return answer
        raise AssertionError(f"{path} is still being read")


@pytest.fixture(scope="session")
def vault(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_vault(str(tmp_path_factory.mktemp("vault") / "repository"))


@pytest.fixture
def plans(tmp_path: Any) -> Any:
    """A folder with the plan's file."""
    folder = tmp_path / "plans"
    folder.mkdir()
    (folder / "shop.yaml").write_text(yaml.safe_dump(PLAN))
    return folder


@pytest.fixture
def no_teams(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow asks its database for a DAG's team; there is none here."""
    from airflow.models.dag import DagModel

    monkeypatch.setattr(DagModel, "get_team_name", staticmethod(lambda *_args, **_options: None))


@pytest.fixture
def pages(vault: str, plans: Any, no_teams: None) -> Callable[..., Pages]:
    """Makes the pages for a user of some role."""
    from airflow.api_fastapi.app import create_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.api_fastapi.core_api.security import get_user

    from migration_ops.ui.airflow_api import airflow_api
    from migration_ops.ui.application import make_application
    from migration_ops.ui.known_plans import PlanShelf
    from migration_ops.ui.sources import Sources

    create_auth_manager()

    def make(
        role: str | None = "viewer",
        *,
        user: bool = True,
        hook: Any = None,
        cluster: Any = None,
        airflow: Any = None,
    ) -> Pages:
        def no_cluster(conn_id: str) -> Any:
            from migration_ops.cluster.errors import ClusterUnreachable

            raise ClusterUnreachable(f"{conn_id} is not reachable from here")

        sources = Sources(
            PlanShelf(plans),
            hook=hook or (lambda _: Hook(vault)),
            cluster=cluster or no_cluster,
            content=lambda _: "",
        )
        application = make_application(sources)
        fake = airflow or FakeAirflow()
        application.dependency_overrides[airflow_api] = lambda: fake
        if user:
            application.dependency_overrides[get_user] = lambda: SimpleAuthManagerUser(
                username="somebody", role=role
            )
        return Pages(application, fake)

    return make


@pytest.fixture
def empty(tmp_path: Path) -> Any:
    """An empty vault, see `written_vault.Vault`."""
    from .written_vault import Vault

    return Vault(str(tmp_path / "repository"))


@pytest.fixture
def plan_of(pages, empty):
    """The JSON and the text of the plan's page."""

    def ask(airflow: FakeAirflow | None = None, query: str = "") -> tuple[dict[str, Any], str]:
        shown = pages(hook=lambda _: Hook(empty.location), airflow=airflow)
        text = shown.settled(f"/plans/shop{query}").text
        assert SECRET_VALUE not in text
        return shown.settled(f"/api/plans/shop{query}").json(), html.unescape(text)

    return ask
