"""`migration-ops ack` writes files that only their owner reads, and says in a line what went wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from migration_ops.cli import main

from .fake_container_service import KEY_ID, KEY_SECRET, REGION, FakeContainerService


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The account's key, where Alibaba's own tools look for it."""
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", KEY_SECRET)


def run(api: FakeContainerService, command: str, output: Path, *more: str) -> Result:
    options = [
        "--region",
        REGION,
        "--cluster",
        "shop-source",
        "--endpoint",
        api.address,
        "--output",
        str(output),
    ]
    return CliRunner().invoke(main, ["ack", command, *options, *more])


def test_the_agent_goes_into_a_private_file_and_not_to_the_terminal(
    api: FakeContainerService, tmp_path: Path
) -> None:
    api.add("shop-source", "ExternalKubernetes", "waiting")
    output = tmp_path / "agent.yaml"
    done = run(api, "agent", output, "--internal")
    assert done.exit_code == 0, done.output
    assert "agent-token" not in done.output
    assert "agent-token-true" in output.read_text()
    assert output.stat().st_mode & 0o777 == 0o600


def test_a_kubeconfig_holds_as_long_as_was_asked(api: FakeContainerService, tmp_path: Path) -> None:
    api.add("shop-source")
    output = tmp_path / "kubeconfig"
    assert run(api, "kubeconfig", output, "--minutes", "30").exit_code == 0
    assert yaml.safe_load(output.read_text())["current-context"] == "c"
    assert api.asked[-1][2]["TemporaryDurationMinutes"] == "30"


def test_a_failure_is_one_line_and_leaves_no_file(
    api: FakeContainerService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run(api, "agent", tmp_path / "agent.yaml")
    assert (done.exit_code, done.output) == (
        1, "migration-ops ack: there is no cluster shop-source in cn-hangzhou\n"
    )  # fmt: skip
    monkeypatch.delenv("ALIBABA_CLOUD_ACCESS_KEY_ID")
    text = run(api, "agent", tmp_path / "agent.yaml").output
    assert (
        text
        == "migration-ops ack: Alibaba Cloud needs AccessKey ID: the connection or environment has none\n"
    )
    assert not (tmp_path / "agent.yaml").exists()
