"""Clusters are found and made through Alibaba's API; the tests' server verifies each request's signature."""

from __future__ import annotations

import dataclasses
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from migration_ops.alibaba import (
    Access,
    AccessRefusedError,
    AlibabaError,
    ClusterFailedError,
    ClusterMissingError,
    ContainerService,
    ServiceBusyError,
    agent_manifest,
    components,
    create_cluster,
    current_kubeconfig,
    find_cluster,
    nodes,
    task_error,
)
from migration_ops.alibaba import kubeconfig as kubeconfigs

from .fake_container_service import KEY_ID, KEY_SECRET, REGION, FakeContainerService


def test_a_cluster_is_found_by_its_whole_name_or_its_id(
    service: ContainerService, api: FakeContainerService
) -> None:
    for number in range(55):
        api.add(f"shop-source-{number}")
    wanted = api.add("shop-source", "ExternalKubernetes")
    by_name, by_id = find_cluster(service, "shop-source"), find_cluster(service, wanted)
    assert by_name == by_id
    assert by_name is not None
    assert (by_name.id, by_name.registered) == (wanted, True)
    assert find_cluster(service, "shop") is None


def test_a_name_of_several_clusters_is_refused_with_their_ids(
    service: ContainerService, api: FakeContainerService
) -> None:
    first, second = api.add("twin"), api.add("twin")
    with pytest.raises(
        ClusterMissingError, match=f"2 clusters in cn-hangzhou are called twin.*{first}, {second}"
    ):
        find_cluster(service, "twin")


def test_a_registered_cluster_is_made_once_waits_for_its_agent_and_then_runs(
    service: ContainerService, api: FakeContainerService
) -> None:
    settings = {"vpcid": "vpc-1", "vswitch_ids": ["vsw-1"], "service_cidr": "172.16.0.0/20"}
    number, task = create_cluster(service, "shop-source", settings, occasion="run-1")
    assert create_cluster(service, "shop-source", settings, occasion="run-1") == (number, task)
    assert len(api.clusters) == 1
    sent = api.bodies[0]
    assert sent.pop("client_token")
    assert sent == settings | {
        "name": "shop-source", "region_id": REGION, "cluster_type": "ExternalKubernetes"
    }  # fmt: skip

    states = []
    for _ in range(4):
        found = find_cluster(service, "shop-source")
        assert found is not None
        states.append((found.state, found.awaits_agent, found.is_running()))
        if found.awaits_agent:
            api.clusters[number]["state"] = "running"
    initial, waiting = ("initial", False, False), ("waiting", True, False)
    assert states == [initial, waiting, ("running", False, True), ("running", False, True)]


@pytest.mark.parametrize("internal", [True, False])
def test_the_agent_connects_over_the_network_that_was_chosen(
    service: ContainerService, api: FakeContainerService, *, internal: bool
) -> None:
    api.add("shop-source", "ExternalKubernetes", "waiting")
    cluster = find_cluster(service, "shop-source")
    assert cluster is not None
    documents = list(yaml.safe_load_all(agent_manifest(service, cluster, internal=internal)))
    assert documents[1]["stringData"]["token"] == f"agent-token-{str(internal).lower()}"


def test_a_task_that_failed_and_a_cluster_that_is_lost_are_told(
    service: ContainerService, api: FakeContainerService
) -> None:
    assert task_error(service, "T-1") is None
    api.task_fails = True
    assert task_error(service, "T-1") == "QuotaExceeded no more clusters"
    number = api.add("lost", state="delete_failed")
    found = find_cluster(service, "lost")
    assert found is not None
    with pytest.raises(ClusterFailedError, match=rf"cluster lost \({number}\) is delete_failed: look at"):
        found.is_running()


def test_nodes_and_components_of_a_managed_cluster_are_counted(
    service: ContainerService, api: FakeContainerService
) -> None:
    api.add("prod")
    api.pools = [
        {"status": {"total_nodes": 3, "healthy_nodes": 2}},
        {"status": {"total_nodes": 1, "healthy_nodes": 1}},
    ]
    api.addons = [{"name": "csi-plugin", "version": "v1.31", "state": "active"}]
    cluster = find_cluster(service, "prod")
    assert cluster is not None
    assert dataclasses.astuple(nodes(service, cluster)) == (4, 3)
    assert components(service, cluster)["csi-plugin"].state == "active"


def test_a_temporary_key_sends_its_token(service: ContainerService, api: FakeContainerService) -> None:
    api.security_token = "sts-token"
    access = dataclasses.replace(service.access, security_token="sts-token")
    assert find_cluster(ContainerService(access), "nothing") is None
    with pytest.raises(AccessRefusedError, match="InvalidSecurityToken"):
        find_cluster(service, "nothing")


def test_a_wrong_secret_is_refused_at_once_and_never_shown(
    service: ContainerService, api: FakeContainerService
) -> None:
    access = dataclasses.replace(service.access, key_secret="wrong-secret")
    with pytest.raises(AccessRefusedError) as caught:
        find_cluster(ContainerService(access), "shop-source")
    text = str(caught.value)
    assert "look for cluster shop-source in cn-hangzhou: SignatureDoesNotMatch" in text
    assert "7E2A-1" in text
    assert caught.value.request_id == "7E2A-1"
    assert "wrong-secret" not in text + repr(access) + repr(caught.value.__cause__)
    assert api.asked == []


@pytest.mark.parametrize(
    "trouble",
    [
        (503, "ServiceUnavailable", {}),
        (429, "Throttling.User", {}),
        (400, "Throttling", {"x-acs-retry-after": "1"}),
    ],
)
def test_what_passes_is_tried_again(
    service: ContainerService, api: FakeContainerService, trouble: tuple[int, str, dict[str, str]]
) -> None:
    api.add("prod")
    api.troubles.extend([trouble, trouble])
    assert find_cluster(service, "prod") is not None
    assert len(api.asked) == 3


def test_what_does_not_pass_ends_in_time_with_the_last_answer(api: FakeContainerService) -> None:
    api.troubles.extend([(503, "ServiceUnavailable", {})] * 100)
    service = ContainerService(Access(KEY_ID, KEY_SECRET, REGION, endpoint=api.address), retry_seconds=1)
    with pytest.raises(ServiceBusyError, match=r"ServiceUnavailable.*try again later") as caught:
        find_cluster(service, "prod")
    assert caught.value.retryable
    nowhere = ContainerService(
        Access(KEY_ID, KEY_SECRET, REGION, endpoint="http://127.0.0.1:9"), retry_seconds=0.5
    )
    with pytest.raises(ServiceBusyError, match="API can't be reached; check the connection's region and"):
        find_cluster(nowhere, "prod")


def test_other_refusals_are_not_repeated(service: ContainerService, api: FakeContainerService) -> None:
    api.troubles.append((400, "InvalidParameter.VpcId", {}))
    with pytest.raises(
        AlibabaError, match=r"make cluster shop in cn-hangzhou: InvalidParameter\.VpcId"
    ) as caught:
        create_cluster(service, "shop", {}, occasion="1")
    assert not caught.value.retryable
    assert len(api.asked) == 1


def test_a_kubeconfig_is_kept_while_it_holds_and_renewed_before_it_ends(
    service: ContainerService, api: FakeContainerService
) -> None:
    api.add("prod")
    now = datetime.now(UTC)

    def at(minutes: int) -> str:
        return current_kubeconfig(
            service, "prod", minutes=60, internal=True, clock=lambda: now + timedelta(minutes=minutes)
        )

    first = at(0)
    assert yaml.safe_load(first)["clusters"][0]["cluster"]["server"] == "https://10.0.0.1:6443"
    assert at(30) == first
    assert at(45) != first
    asked = [query for _, path, query in api.asked if path.endswith("/user_config")]
    assert [query["TemporaryDurationMinutes"] for query in asked] == ["60", "60"]


BUSY = (503, "ServiceUnavailable", {})


def kubeconfig_after(service: ContainerService, minutes: int) -> str:
    """What a step gets so many minutes from now; a kubeconfig holds for 720, and is renewed after 480."""
    return current_kubeconfig(service, "prod", clock=lambda: datetime.now(UTC) + timedelta(minutes=minutes))


def test_a_kubeconfig_with_time_left_is_used_while_the_api_is_away(
    service: ContainerService, api: FakeContainerService, caplog: pytest.LogCaptureFixture
) -> None:
    api.add("prod")
    service = ContainerService(service.access, retry_seconds=0.5)
    first = kubeconfig_after(service, 0)
    api.troubles.extend([BUSY] * 1000)
    asked = len(api.asked)
    assert kubeconfig_after(service, 600) == first
    assert "of cluster prod can't be renewed; it is used until it ends at" in caplog.text
    tried = len(api.asked)
    assert tried > asked
    assert kubeconfig_after(service, 600) == first
    assert len(api.asked) == tried, "it was tried again at once"
    assert kubeconfig_after(service, 610) == first
    assert len(api.asked) > tried
    with pytest.raises(ServiceBusyError):
        kubeconfig_after(service, 900)
    api.troubles.clear()
    assert kubeconfig_after(service, 900) != first


def test_a_key_that_is_refused_meanwhile_ends_nothing_before_the_kubeconfig_does(
    service: ContainerService, api: FakeContainerService
) -> None:
    api.add("prod")
    first = kubeconfig_after(service, 0)
    api.troubles.append((403, "Forbidden.RAM", {}))
    assert kubeconfig_after(service, 600) == first
    assert kubeconfig_after(service, 610) != first


def test_one_thread_renews_while_the_others_go_on(
    service: ContainerService, api: FakeContainerService, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.add("prod")
    first = kubeconfig_after(service, 0)
    is_asking, may_answer = threading.Event(), threading.Event()
    fetch = kubeconfigs.fetch_kubeconfig

    def slowly(*arguments: Any, **options: Any) -> Any:
        is_asking.set()
        assert may_answer.wait(60)
        return fetch(*arguments, **options)

    monkeypatch.setattr(kubeconfigs, "fetch_kubeconfig", slowly)
    with ThreadPoolExecutor(1) as pool:
        renewing = pool.submit(kubeconfig_after, service, 600)
        assert is_asking.wait(60)
        assert kubeconfig_after(service, 600) == first
        may_answer.set()
        second = renewing.result(60)
    assert second != first


def test_an_api_that_is_away_keeps_threads_that_have_nothing_waiting_once_and_not_in_turn(
    service: ContainerService, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = 4
    asked, may_fail = [], threading.Event()

    def away(*_arguments: Any, **_options: Any) -> Any:
        asked.append(1)
        assert may_fail.wait(60)
        raise ServiceBusyError("away")

    monkeypatch.setattr(kubeconfigs, "fetch_kubeconfig", away)
    has_begun = threading.Semaphore(0)
    clock = time.monotonic

    def noting() -> float:
        has_begun.release()
        return clock()

    monkeypatch.setattr(kubeconfigs, "time", SimpleNamespace(monotonic=noting))
    with ThreadPoolExecutor(threads) as pool:
        waiting = [pool.submit(current_kubeconfig, service, "prod") for _ in range(threads)]
        for _ in range(threads):
            assert has_begun.acquire(timeout=60)
        may_fail.set()
        for one in waiting:
            with pytest.raises(ServiceBusyError, match="away"):
                one.result(60)
    assert len(asked) == 1


def test_clusters_do_not_wait_for_each_other(
    service: ContainerService, api: FakeContainerService, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.add("prod")
    is_asking, may_answer = threading.Event(), threading.Event()
    fetch = kubeconfigs.fetch_kubeconfig

    def slowly_one(by: ContainerService, name: str, **options: Any) -> Any:
        if name == "slow":
            is_asking.set()
            assert may_answer.wait(60)
            raise ServiceBusyError("away")
        return fetch(by, name, **options)

    monkeypatch.setattr(kubeconfigs, "fetch_kubeconfig", slowly_one)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(current_kubeconfig, service, "slow")
        assert is_asking.wait(60)
        assert kubeconfig_after(service, 0)
        assert not slow.done()
        may_answer.set()
        with pytest.raises(ServiceBusyError):
            slow.result(60)


def test_a_hurried_request_ends_soon(service: ContainerService) -> None:
    hurried = service.hurried()
    longest = hurried.retry_seconds + hurried.connect_seconds + hurried.read_seconds
    assert longest <= 11


def test_a_kubeconfig_that_cannot_be_had_is_explained(service: ContainerService) -> None:
    with pytest.raises(ClusterMissingError, match=r"no cluster gone in cn-hangzhou: run PLAN\.register"):
        current_kubeconfig(service, "gone")
    with pytest.raises(AlibabaError, match="15 to 4320 minutes, not 5"):
        current_kubeconfig(service, "gone", minutes=5)
    with pytest.raises(AlibabaError, match="needs region: the connection"):
        Access(KEY_ID, KEY_SECRET, "")
