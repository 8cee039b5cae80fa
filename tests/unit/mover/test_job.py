"""A mover's Job may do what it must, and nothing else."""

import base64
import json
from dataclasses import replace

import kubernetes_validate
import pytest

from migration_ops.mover import Credentials, MoverSpec, build_job, build_secret, mover_name, run_key

CREDENTIALS = Credentials({"RESTIC_REPOSITORY": "s3:https://vault/b", "RESTIC_PASSWORD": "hunter2"})
SPEC = MoverSpec(
    plan="shop",
    run="manual-1",
    action="backup",
    namespace="shop",
    claim="data-db-0",
    command=("backup", "/volumes/shop/data-db-0"),
    image="mover:1",
    node="node-1",
    requests={"cpu": "100m"},
    limits={"memory": "1Gi"},
)


def container_of(job):
    return job["spec"]["template"]["spec"]["containers"][0]


def data_mount(job):
    return next(mount for mount in container_of(job)["volumeMounts"] if mount["name"] == "data")


@pytest.mark.parametrize("version", ["1.27", "1.32"])
@pytest.mark.parametrize(
    "spec", [SPEC, replace(SPEC, writable=True), replace(SPEC, block=True), replace(SPEC, claim=None)]
)
def test_kubernetes_accepts_the_objects(spec, version):
    credentials = replace(CREDENTIALS, ca_certificate="PEM")
    kubernetes_validate.validate(build_job(spec, credentials), version, strict=True)
    kubernetes_validate.validate(build_secret(spec, credentials, "uid"), version, strict=True)


def test_the_source_is_mounted_read_only_with_one_capability():
    job = build_job(SPEC, CREDENTIALS)
    assert data_mount(job)["readOnly"] is True
    assert container_of(job)["securityContext"]["capabilities"] == {
        "drop": ["ALL"],
        "add": ["DAC_READ_SEARCH"],
    }


def test_a_namespace_of_level_baseline_gets_a_capability_that_it_allows():
    job = build_job(replace(SPEC, security_level="baseline"), CREDENTIALS)
    assert container_of(job)["securityContext"]["capabilities"]["add"] == ["DAC_OVERRIDE"]


def test_the_target_is_writable_with_what_restoring_owners_and_modes_takes():
    job = build_job(replace(SPEC, writable=True), CREDENTIALS)
    assert data_mount(job)["readOnly"] is False
    added = container_of(job)["securityContext"]["capabilities"]["add"]
    assert set(added) == {"CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "MKNOD", "SETFCAP"}


def test_a_mover_without_a_volume_has_no_capability():
    job = build_job(replace(SPEC, claim=None), CREDENTIALS)
    assert container_of(job)["securityContext"]["capabilities"]["add"] == []


def test_nothing_else_is_open():
    pod = build_job(SPEC, CREDENTIALS)["spec"]["template"]["spec"]
    security = pod["containers"][0]["securityContext"]
    assert pod["automountServiceAccountToken"] is False
    assert security["allowPrivilegeEscalation"] is False
    assert security["readOnlyRootFilesystem"] is True
    assert pod["containers"][0]["resources"]["limits"] == {"memory": "1Gi"}


def test_the_mover_runs_where_the_claim_is_mounted_whatever_keeps_others_away():
    pod = build_job(SPEC, CREDENTIALS)["spec"]["template"]["spec"]
    required = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert required["nodeSelectorTerms"][0]["matchFields"][0]["values"] == ["node-1"]
    assert pod["tolerations"] == [{"operator": "Exists"}]
    assert "affinity" not in build_job(replace(SPEC, node=None), CREDENTIALS)["spec"]["template"]["spec"]


def test_secrets_are_in_the_secret_and_nowhere_else():
    credentials = replace(CREDENTIALS, ca_certificate="-----BEGIN")
    job = json.dumps(build_job(SPEC, credentials))
    assert "hunter2" not in job
    assert "hunter2" not in repr(credentials)
    secret = build_secret(SPEC, credentials, "uid-1")
    assert base64.b64decode(secret["data"]["RESTIC_PASSWORD"]) == b"hunter2"
    assert secret["metadata"]["ownerReferences"][0]["uid"] == "uid-1"


def test_the_job_is_made_asleep_so_that_no_pod_waits_for_its_secret():
    assert build_job(SPEC, CREDENTIALS)["spec"]["parallelism"] == 0


def test_the_summary_becomes_the_termination_message():
    container = container_of(build_job(SPEC, CREDENTIALS))
    assert container["command"][-2:] == ["--summary-file", container["terminationMessagePath"]]


def test_the_name_follows_from_plan_run_action_and_volume():
    assert SPEC.name == mover_name("shop", "manual-1", "backup", "shop", "data-db-0")
    others = [
        replace(SPEC, plan="other"),
        replace(SPEC, run="manual-2"),
        replace(SPEC, action="verify"),
        replace(SPEC, namespace="x"),
        replace(SPEC, claim="data-db-1"),
    ]
    assert len({SPEC.name, *(other.name for other in others)}) == 6


def test_names_stay_short_enough_for_pods_whatever_the_claim_is_called():
    name = mover_name("shop", "run", "backup", "ns", "A.very_long." + "x" * 240)
    assert len(name) <= 52
    assert name.replace("-", "").isalnum()
    assert name == name.lower()


def test_another_node_is_the_same_work_and_another_snapshot_is_not():
    assert replace(SPEC, node="node-2").fingerprint == SPEC.fingerprint
    assert replace(SPEC, command=("backup", "elsewhere")).fingerprint != SPEC.fingerprint


def test_a_runs_key_is_a_label_value_that_people_recognise():
    key = run_key("shop.backup", "manual__2026-11-22T18:17:00.123456+00:00_abcdefgh_ijklmnop")
    assert key.startswith("manual-2026-11-22t18-17-00")
    assert len(key) <= 63
    assert key != run_key("shop.cutover", "manual__2026-11-22T18:17:00.123456+00:00_abcdefgh_ijklmnop")
    assert run_key("d", "___") == run_key("d", "___")
    assert run_key("d", "___")[0].isalnum()
