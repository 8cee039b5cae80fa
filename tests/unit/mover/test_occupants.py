"""No mover writes to a claim that an application mounts, however late and by whomever it is started."""

from dataclasses import replace

import pytest

from migration_ops.mover import ClaimHeldError, Credentials, MoverSpec, standby
from migration_ops.mover.occupants import occupants
from migration_ops.mover.standby import standing_by
from migration_ops.mover.submission import submit

CREDENTIALS = Credentials({"RESTIC_PASSWORD": "hunter2"})
WRITER = MoverSpec(
    plan="shop",
    run="r",
    action="restore",
    namespace="shop",
    claim="data",
    command=("restore", "5" * 64, "--target", "/volumes/shop/data", "--delete"),
    image="mover:1",
    writable=True,
)
ENDED = {"state": {"terminated": {"exitCode": 0}}}
RUNS = {"state": {"running": {}}}


def pod(name="web-0", phase="Running", *, claim="data", labels=None, deleted=False, **status):
    metadata = {"name": name, "labels": labels or {}} | ({"deletionTimestamp": "now"} if deleted else {})
    volumes = [{"name": "d", "persistentVolumeClaim": {"claimName": claim}}, {"name": "e", "emptyDir": {}}]
    return {
        "metadata": metadata,
        "spec": {"volumes": volumes, "containers": [{"name": "main"}]},
        "status": {"phase": phase, **status},
    }


def start_pod(api, **options):
    api.objects["/api/v1/namespaces/shop/pods/web-0"] = pod(**options)


@pytest.mark.parametrize("phase", ["Pending", "Running", "Unknown"])
def test_a_writer_is_refused_with_the_pods_name_and_what_to_do(api, phase):
    start_pod(api, phase=phase)
    with pytest.raises(ClaimHeldError, match=r"claim shop/data is mounted by pod web-0.*scale it to 0") as no:
        submit(api.api_client, WRITER, CREDENTIALS)
    assert not no.value.retryable  # that a pod has ended doesn't make worthless what it wrote
    assert {method for method, _ in api.requests} == {"GET"}


def test_a_task_that_is_cleared_after_the_application_started_is_refused_too(api):
    submit(api.api_client, WRITER, CREDENTIALS)
    (job,) = api.of_kind("jobs")
    job["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}
    start_pod(api)
    with pytest.raises(ClaimHeldError):
        submit(api.api_client, WRITER, CREDENTIALS)


def test_one_that_stands_by_gets_no_order(api, monkeypatch):
    submit(api.api_client, standing_by(WRITER), CREDENTIALS)
    start_pod(api)
    monkeypatch.setattr(standby, "run_in_container", lambda *_, **__: pytest.fail("it was told to begin"))
    with pytest.raises(ClaimHeldError):
        submit(api.api_client, WRITER, CREDENTIALS)


def test_a_reader_may_look_while_the_application_runs(api):
    start_pod(api)
    submit(api.api_client, replace(WRITER, action="backup", writable=False), CREDENTIALS)


def there_is_a_claim(api, plan):
    labels = {"migration-ops.io/plan": plan} if plan else {}
    found = {"metadata": {"name": "data", "labels": labels}}
    api.objects["/api/v1/namespaces/shop/persistentvolumeclaims/data"] = found


@pytest.mark.parametrize("maker", ["", "blog"])
def test_a_claim_that_the_plan_did_not_make_is_written_to_only_if_the_plan_says_so(api, maker):
    there_is_a_claim(api, maker)
    with pytest.raises(ClaimHeldError, match=r"shop/data wasn't made by plan shop.*PersistentVolumeClaim"):
        submit(api.api_client, WRITER, CREDENTIALS)
    assert api.of_kind("jobs") == []
    submit(api.api_client, replace(WRITER, takes_over=True), CREDENTIALS)


def test_a_claim_of_the_plan_is_written_to(api):
    there_is_a_claim(api, "shop")
    submit(api.api_client, WRITER, CREDENTIALS)


@pytest.mark.parametrize(
    "other",
    [
        pod(claim="another"),
        pod(labels={"migration-ops.io/mover": "true"}),
        pod(phase="Succeeded"),
        pod(phase="Failed"),
        pod(deleted=True, containerStatuses=[ENDED]),
    ],
)
def test_movers_and_what_has_ended_are_in_nobodys_way(other):
    assert occupants([other], "data") == []


@pytest.mark.parametrize(
    "other",
    [
        pod(deleted=True),
        pod(deleted=True, containerStatuses=[RUNS]),
        pod(deleted=True, containerStatuses=[ENDED], initContainerStatuses=[RUNS]),
        pod(labels={"migration-ops.io/plan": "shop"}),
    ],
)
def test_a_pod_holds_its_claims_until_its_last_container_has_ended(other):
    assert occupants([other], "data") == ["web-0"]


def test_claims_that_a_pod_brings_along_are_held_too():
    bringing = pod()
    bringing["spec"]["volumes"] = [{"name": "scratch", "ephemeral": {}}]
    assert occupants([bringing], "web-0-scratch") == ["web-0"]
