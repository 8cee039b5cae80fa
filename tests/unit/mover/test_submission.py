"""Starting a mover may be done again at any time: it is found, never doubled."""

from dataclasses import replace

import pytest

from migration_ops.mover import Credentials, MoverConflictError, MoverError, MoverSpec
from migration_ops.mover.submission import remove, submit

CREDENTIALS = Credentials({"RESTIC_PASSWORD": "hunter2"})
SPEC = MoverSpec(
    plan="shop",
    run="r",
    action="backup",
    namespace="shop",
    claim="data",
    command=("backup",),
    image="mover:1",
)


def the_job(api):
    (job,) = api.of_kind("jobs")
    return job


def condition(kind):
    return {"conditions": [{"type": kind, "status": "True"}]}


def test_the_secret_exists_and_is_owned_before_the_mover_wakes_up(api):
    started = submit(api.api_client, SPEC, CREDENTIALS)
    assert not started.adopted
    assert [method for method, _ in api.requests if method != "GET"] == ["POST", "POST", "PATCH"]
    (secret,) = api.of_kind("secrets")
    assert secret["metadata"]["ownerReferences"][0]["uid"] == started.uid
    assert the_job(api)["spec"]["parallelism"] == 1


def test_a_second_try_finds_the_running_mover(api):
    first = submit(api.api_client, SPEC, CREDENTIALS)
    second = submit(api.api_client, SPEC, CREDENTIALS)
    assert second == replace(first, adopted=True)
    assert len(api.of_kind("jobs")) == 1


def test_a_try_that_died_before_waking_the_mover_is_completed(api):
    submit(api.api_client, SPEC, CREDENTIALS)
    the_job(api)["spec"]["parallelism"] = 0
    for path in [path for path in api.objects if "/secrets/" in path]:
        del api.objects[path]
    assert submit(api.api_client, SPEC, CREDENTIALS).adopted
    assert the_job(api)["spec"]["parallelism"] == 1
    assert len(api.of_kind("secrets")) == 1


def test_a_mover_that_succeeded_is_not_started_again(api):
    first = submit(api.api_client, SPEC, CREDENTIALS)
    the_job(api)["status"] = condition("Complete")
    assert submit(api.api_client, SPEC, CREDENTIALS) == replace(first, adopted=True)


def test_a_mover_that_failed_is_replaced(api):
    first = submit(api.api_client, SPEC, CREDENTIALS)
    the_job(api)["status"] = condition("Failed")
    second = submit(api.api_client, SPEC, CREDENTIALS)
    assert not second.adopted
    assert second.uid != first.uid


def test_a_mover_with_other_work_under_the_same_name_is_replaced(api):
    submit(api.api_client, SPEC, CREDENTIALS)
    second = submit(api.api_client, replace(SPEC, command=("backup", "--parent", "x")), CREDENTIALS)
    assert not second.adopted
    assert the_job(api)["spec"]["template"]["spec"]["containers"][0]["args"] == ["backup", "--parent", "x"]


def test_a_strangers_job_is_left_alone(api):
    submit(api.api_client, SPEC, CREDENTIALS)
    the_job(api)["metadata"]["labels"] = {"app": "somebody-elses"}
    with pytest.raises(MoverConflictError, match="isn't a mover of ours"):
        submit(api.api_client, SPEC, CREDENTIALS)
    assert len(api.of_kind("jobs")) == 1


def test_an_api_server_that_restarts_is_asked_again(api):
    api.answers.extend([503, 429, 500])
    assert not submit(api.api_client, SPEC, CREDENTIALS).adopted


@pytest.mark.parametrize(("status", "retryable"), [(403, True), (422, False)])
def test_a_refusal_carries_the_servers_words_and_is_left_to_the_tasks_retries(api, status, retryable):
    api.answers.append(status)
    with pytest.raises(MoverError, match="as the test says") as caught:
        submit(api.api_client, SPEC, CREDENTIALS)
    assert caught.value.retryable is retryable  # a server that has just started refuses everybody
    assert len(api.requests) == 1


def test_a_claim_is_filled_by_one_mover_at_a_time(api):
    writer = replace(SPEC, action="restore", writable=True)
    submit(api.api_client, writer, CREDENTIALS)
    with pytest.raises(MoverError, match="has to wait for its end") as caught:
        submit(api.api_client, replace(writer, run="another"), CREDENTIALS)
    assert caught.value.retryable
    the_job(api)["status"] = condition("Complete")
    assert not submit(api.api_client, replace(writer, run="another"), CREDENTIALS).adopted


def test_a_namespace_of_level_restricted_is_reported_with_what_to_change(api):
    labels = api.objects["/api/v1/namespaces/shop"]["metadata"]["labels"]
    labels["pod-security.kubernetes.io/enforce"] = "restricted"
    with pytest.raises(MoverError, match="enforce=baseline") as caught:
        submit(api.api_client, SPEC, CREDENTIALS)
    assert caught.value.retryable is False
    assert api.of_kind("jobs") == []


def test_a_namespace_of_level_baseline_gets_a_mover_that_it_allows(api):
    labels = api.objects["/api/v1/namespaces/shop"]["metadata"]["labels"]
    labels["pod-security.kubernetes.io/enforce"] = "baseline"
    submit(api.api_client, SPEC, CREDENTIALS)
    container = the_job(api)["spec"]["template"]["spec"]["containers"][0]
    assert container["securityContext"]["capabilities"]["add"] == ["DAC_OVERRIDE"]


def test_a_mover_is_let_out_of_a_namespace_that_keeps_its_pods_in(api):
    policies = "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies"
    deny = {"metadata": {"name": "deny"}, "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}}
    api.objects[f"{policies}/deny"] = deny
    job = submit(api.api_client, SPEC, CREDENTIALS)
    own = api.objects[f"{policies}/{job.name}"]
    assert own["spec"]["podSelector"]["matchLabels"] == {"job-name": job.name}
    assert own["metadata"]["ownerReferences"][0]["uid"] == job.uid


def test_where_nothing_is_forbidden_no_policy_is_made(api):
    submit(api.api_client, SPEC, CREDENTIALS)
    assert api.of_kind("networkpolicies") == []


def test_a_missing_namespace_is_named(api):
    del api.objects["/api/v1/namespaces/shop"]
    with pytest.raises(MoverError, match="refused by the API server"):
        submit(api.api_client, SPEC, CREDENTIALS)


def test_removing_a_mover_twice_is_harmless(api):
    job = submit(api.api_client, SPEC, CREDENTIALS)
    remove(api.api_client, job.namespace, job.name)
    remove(api.api_client, job.namespace, job.name)
    assert api.of_kind("jobs") == []
