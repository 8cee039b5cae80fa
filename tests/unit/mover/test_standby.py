"""A mover that stands by is told to begin instead of being started; where that fails, one is started."""

import json
from dataclasses import replace

import pytest

from migration_ops.mover import Credentials, MoverError, MoverSpec, standby, submission
from migration_ops.mover.errors import ExecError
from migration_ops.mover.standby import standing_by
from migration_ops.mover.submission import dismiss, submit

CREDENTIALS = Credentials({"RESTIC_PASSWORD": "hunter2"})
SPEC = MoverSpec(
    plan="shop",
    run="r",
    action="restore",
    namespace="shop",
    claim="data",
    command=("restore", "5" * 64, "--target", "/volumes/shop/data", "--base", "it's one"),
    image="mover:1",
    writable=True,
)
POD = "/api/v1/namespaces/shop/pods/mover-x"


class Container:
    """The container of the mover that stands by."""

    def __init__(self):
        self.orders, self.answer = [], (0, "")

    def run(self, _api, namespace, pod, command, *, container, timeout_seconds):
        assert (namespace, pod, container) == ("shop", "mover-x", "mover")
        assert timeout_seconds < 60
        self.orders.append(json.loads(command[-1]))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def container(monkeypatch):
    made = Container()
    monkeypatch.setattr(standby, "run_in_container", made.run)
    return made


@pytest.fixture
def waiting(api, container):
    """One stands by, and its pod runs."""
    found = submit(api.api_client, standing_by(SPEC), CREDENTIALS)
    api.objects[POD] = {
        "metadata": {"name": "mover-x"},
        "status": {"phase": "Running"},
        "spec": {"containers": []},
    }
    return found


def the_job(api):
    (job,) = api.of_kind("jobs")
    return job


def arguments(api):
    return the_job(api)["spec"]["template"]["spec"]["containers"][0]["args"]


def test_it_has_the_name_of_the_mover_to_come_and_nothing_of_its_work(api, waiting):
    assert waiting.name == SPEC.name
    assert arguments(api)[0] == "standby"
    assert the_job(api)["spec"]["activeDeadlineSeconds"] > SPEC.timeout_seconds


def test_it_is_told_to_begin(api, waiting, container):
    begun = submit(api.api_client, SPEC, CREDENTIALS)
    assert begun == replace(waiting, adopted=True)
    assert container.orders == [list(SPEC.command)]


def test_beginning_needs_no_secret_and_no_start(api, waiting):
    api.requests.clear()
    submit(api.api_client, SPEC, CREDENTIALS)
    assert [method for method, _ in api.requests if method != "GET"] == ["POST", "PATCH"]


def test_a_second_try_finds_it_at_work_and_tells_it_nothing(api, waiting, container):
    submit(api.api_client, SPEC, CREDENTIALS)
    assert submit(api.api_client, SPEC, CREDENTIALS) == replace(waiting, adopted=True)
    assert len(container.orders) == 1


def test_a_try_that_died_before_it_noted_the_order_tells_it_again(api, waiting, container):
    submit(api.api_client, SPEC, CREDENTIALS)
    the_job(api)["metadata"]["labels"]["migration-ops.io/spec"] = standing_by(SPEC).fingerprint
    assert submit(api.api_client, SPEC, CREDENTIALS).adopted
    assert container.orders == [list(SPEC.command)] * 2


@pytest.mark.parametrize("answer", [ExecError("exec in shop/mover-x: Forbidden"), (1, "sh: no such file")])
def test_one_that_does_not_take_the_order_is_replaced(api, waiting, container, answer):
    container.answer = answer
    begun = submit(api.api_client, SPEC, CREDENTIALS)
    assert not begun.adopted
    assert begun.uid != waiting.uid
    assert arguments(api) == list(SPEC.command)


@pytest.mark.parametrize("phase", ["Pending", "Succeeded", "Failed"])
def test_one_whose_pod_does_not_run_is_replaced(api, waiting, container, phase):
    api.objects[POD]["status"]["phase"] = phase
    assert not submit(api.api_client, SPEC, CREDENTIALS).adopted
    assert container.orders == []


def test_one_that_waited_in_vain_is_replaced(api, waiting, container):
    the_job(api)["status"] = {"conditions": [{"type": "Failed", "status": "True"}]}
    assert not submit(api.api_client, SPEC, CREDENTIALS).adopted
    assert container.orders == []


@pytest.mark.parametrize("change", [{"image": "mover:2"}, {"block": True}])
def test_one_made_for_something_else_is_replaced(api, waiting, container, change):
    assert not submit(api.api_client, replace(SPEC, **change), CREDENTIALS).adopted
    assert container.orders == []


def test_one_that_does_not_end_may_still_write_and_nothing_is_started_beside_it(
    api, waiting, container, monkeypatch
):
    container.answer = ExecError("exec in shop/mover-x: node does not answer")
    monkeypatch.setattr(submission, "remove", lambda *_arguments, **_options: None)
    monkeypatch.setattr(submission, "_GONE_SECONDS", 0.1)
    with pytest.raises(MoverError, match="is the node of its pod alive") as caught:
        submit(api.api_client, SPEC, CREDENTIALS)
    assert caught.value.retryable
    assert arguments(api)[0] == "standby"


def test_leftovers_that_stood_by_are_dismissed_and_others_left_alone(api, waiting):
    cold = replace(SPEC, run="another", claim="other")
    submit(api.api_client, cold, CREDENTIALS)
    assert dismiss(api.api_client, "shop", "restore", at_work=False) == [f"shop/{SPEC.name}"]
    assert the_job(api)["metadata"]["name"] == cold.name


def test_a_plans_movers_of_one_kind_are_dismissed(api, waiting):
    assert dismiss(api.api_client, "shop", "restore") == [f"shop/{SPEC.name}"]
    assert api.of_kind("jobs") == []
