"""`migration-ops account`: one account, to which plans add rights and from which none takes any away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from migration_ops.cluster import ApiResource, Discovery, NotFound
from migration_ops.migration import account_cli

KINDS = Discovery(
    (
        ApiResource("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", True, ("get", "list")),
        ApiResource("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", True, ("get", "list")),
    )
)


class StandInCluster:
    """A server that keeps what is applied, and gives tokens."""

    name, address = "shop-source", "https://203.0.113.7:6443"

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.longest = timedelta(days=3650)
        self.tells_end = True

    def get(self, path: str, **_options: Any) -> dict[str, Any]:
        if path not in self.objects:
            raise NotFound("there is none", status=404)
        return self.objects[path]

    def patch(self, path: str, body: dict[str, Any], **_options: Any) -> None:
        self.objects[path] = body

    def request(self, _method: str, _path: str, body: dict[str, Any], **_options: Any) -> dict[str, Any]:
        asked = timedelta(seconds=body["spec"]["expirationSeconds"])
        end = datetime.now(UTC) + min(asked, self.longest)
        told = {"expirationTimestamp": end.strftime("%Y-%m-%dT%H:%M:%SZ")} if self.tells_end else {}
        return {"status": {"token": "a-token", **told}}

    def certificate_authority(self) -> bytes:
        return b"PEM"

    def rules(self, role: str) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
        found = self.objects[f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{role}"]["rules"]
        return [(tuple(rule["resources"]), tuple(rule["verbs"])) for rule in found]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> StandInCluster:
    made = StandInCluster()
    monkeypatch.setattr(account_cli, "_reach", lambda _kubeconfig, _context: made)
    monkeypatch.setattr("migration_ops.cluster.discovery", lambda _cluster, **_options: KINDS)
    return made


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """Runs a command of the group; an administrator's kubeconfig is there."""
    (tmp_path / "admin").write_text("{}")

    def invoke(*arguments: str | Path) -> Result:
        done = CliRunner().invoke(account_cli.account, [str(one) for one in arguments])
        assert done.exit_code == 0, done.output
        return done

    def kubeconfig(side: str, *more: str | Path) -> Result:
        there = ["--kubeconfig", tmp_path / "admin", "--output", tmp_path / "made"]
        return invoke("kubeconfig", side, *there, *more)

    kubeconfig.invoke = invoke  # type: ignore[attr-defined] # for the group's other command
    return kubeconfig


@pytest.fixture
def plan(tmp_path: Path) -> Any:
    """Writes a plan whose hook patches an object of this kind."""

    def write(name: str, api_version: str, kind: str) -> Path:
        patch = {"apiVersion": api_version, "kind": kind, "namespace": "shop", "name": "x"}
        document = {
            "apiVersion": "migration-ops/v1",
            "name": name,
            "source": {"conn_id": "a"},
            "target": {"conn_id": "b"},
            "vault": {"conn_id": "c"},
            "movers": {"image": "registry.example.com/mover:1"},
            "select": {"namespaces": {"include": ["shop"]}},
            "quiesce": {"hooks": [{"before": "quiesce", "patch": patch | {"merge": {"spec": {}}}}]},
        }
        file = tmp_path / f"{name}.yaml"
        file.write_text(yaml.safe_dump(document))
        return file

    return write


POLICY = ("networking.k8s.io/v1", "NetworkPolicy")
BUDGET = ("policy/v1", "PodDisruptionBudget")
POLICIES = [(("networkpolicies",), ("patch",))]
BUDGETS = [(("poddisruptionbudgets",), ("patch",))]


def test_a_plan_takes_no_rights_of_another_away(cluster: StandInCluster, run: Any, plan: Any) -> None:
    one, two = (
        plan("one", *POLICY),
        plan("two", "policy/v1", "PodDisruptionBudget"),
    )
    run("source", "--plan", one)
    run("source", "--plan", two)
    assert cluster.rules("migration-ops-source-one") == POLICIES
    assert cluster.rules("migration-ops-source-two") == BUDGETS
    run("source")
    assert cluster.rules("migration-ops-source-one") == POLICIES
    binding = cluster.objects[
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/migration-ops-source-one"
    ]
    assert binding["roleRef"]["name"] == "migration-ops-source-one"
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": "migration-ops", "namespace": "migration-ops"}
    ]


def test_several_plans_can_be_named_at_once(cluster: StandInCluster, run: Any, plan: Any) -> None:
    one, two = (
        plan("one", *POLICY),
        plan("two", "policy/v1", "PodDisruptionBudget"),
    )
    run("source", "--plan", one, "--plan", two)
    assert cluster.rules("migration-ops-source-one") + cluster.rules("migration-ops-source-two") == [
        *POLICIES,
        *BUDGETS,
    ]
    text = run.invoke("manifests", "source", "--plan", one, "--plan", two).output
    roles = [document for document in yaml.safe_load_all(text) if document["kind"] == "ClusterRole"]
    assert [role["metadata"]["name"] for role in roles] == [
        "migration-ops-source",
        "migration-ops-source-one",
        "migration-ops-source-two",
    ]


def test_a_target_gets_no_rights_for_hooks(cluster: StandInCluster, run: Any, plan: Any) -> None:
    run("target", "--plan", plan("one", *POLICY))
    assert not [path for path in cluster.objects if path.endswith("-one")]


def test_an_exact_account_stays_exact_until_asked_otherwise(
    cluster: StandInCluster, run: Any, plan: Any
) -> None:
    everything = (("*",), ("get", "list"))
    run("source")
    assert everything in cluster.rules("migration-ops-source")
    run("source", "--exact")
    assert everything not in cluster.rules("migration-ops-source")
    run("source", "--plan", plan("one", *POLICY))
    assert everything not in cluster.rules("migration-ops-source")
    run("source", "--every-kind")
    assert everything in cluster.rules("migration-ops-source")


def test_a_server_that_gives_shorter_tokens_is_told(cluster: StandInCluster, run: Any) -> None:
    assert "gives no more" not in run("target", "--hours", "720").output
    cluster.longest = timedelta(hours=24)
    assert "as the server gives no more than that of 720 h" in run("target", "--hours", "720").output
    cluster.tells_end = False
    assert "the server doesn't say whether it does" in run("target").output


NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def test_the_end_is_the_one_that_the_server_says() -> None:
    def told(hours: int) -> str:
        return account_cli._life(NOW + timedelta(hours=hours), 720, NOW)

    assert told(720) == "its token holds until 2026-12-23 08:00 UTC (720 h)"
    assert told(24) == (
        "its token holds until 2026-11-24 08:00 UTC (24 h), as the server gives no more than that of 720 h: "
        "make a new one before it ends"
    )
