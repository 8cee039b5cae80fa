"""The proof that a network obeys policies, and what follows without it."""

import pytest

from migration_ops.migration.rehearsal.isolation_probe import (
    NotIsolatedError,
    build_probe,
    judge,
    look_at_probe,
    vault_address,
)

from .conftest import RUN, SCRATCH


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ("s3:https://oss-cn-hangzhou.aliyuncs.com/bucket/prefix", "oss-cn-hangzhou.aliyuncs.com:443"),
        ("s3:http://10.0.0.1:7480/bucket", "10.0.0.1:7480"),
        ("/backup/repository", None),
    ],
)
def test_the_vaults_endpoint_must_be_out_of_reach(location, place):
    assert vault_address(location) == place


def test_a_pod_that_gets_out_stops_a_rehearsal_that_insists_on_isolation(plan):
    with pytest.raises(NotIsolatedError, match=r"reached vault:443.*No workload was started"):
        judge(plan, {"verdict": "open", "detail": "reached vault:443"})


@pytest.mark.parametrize("answer", [None, {"verdict": "unknown", "detail": ""}])
def test_what_is_not_proven_counts_as_open(plan, answer):
    with pytest.raises(NotIsolatedError):
        judge(plan, answer)


def test_a_plan_may_go_on_without_isolation_and_is_told(plan):
    rehearsal = plan.rehearsal.model_copy(update={"isolation": "attempted"})
    said = judge(plan.model_copy(update={"rehearsal": rehearsal}), {"verdict": "open", "detail": "reached x"})
    assert "doesn't enforce network policies" in said


def test_a_closed_pod_is_proof(plan):
    assert judge(plan, {"verdict": "isolated", "detail": "2 places are out of reach"}).startswith("isolated")


def test_allowed_ranges_prove_nothing_and_are_told_to_the_pod(plan):
    job = build_probe(plan, RUN, SCRATCH, ["vault:443"])
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["command"][-2:] == ["10.9.0.0/16", "vault:443"]
    assert job == build_probe(plan, RUN, SCRATCH, ["vault:443"])


@pytest.mark.parametrize(
    ("code", "verdict"), [(0, "isolated"), (10, "open"), (11, "unknown"), (1, "unknown")]
)
def test_the_pods_exit_code_is_the_verdict(code, verdict):
    class Target:
        def get(self, path, **_options):
            ended = {"terminated": {"exitCode": code, "message": "reached x\n"}}
            return {"items": [{"status": {"containerStatuses": [{"state": ended}]}}]}

    assert look_at_probe(Target(), namespace="a", job="b") == {"verdict": verdict, "detail": "reached x"}


def test_nothing_is_said_while_the_pod_runs():
    class Target:
        def get(self, path, **_options):
            return {"items": [{"status": {"containerStatuses": [{"state": {"running": {}}}]}}, {}]}

    assert look_at_probe(Target(), namespace="a", job="b") is None
