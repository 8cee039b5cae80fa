"""Stopping and starting a source's workloads, as it was, whatever happens in between."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from migration_ops.cluster import (
    Cluster,
    QuiesceError,
    QuiesceRecord,
    QuiesceTimeout,
    Selection,
    capture,
    find_quiesced,
    quiesce,
    reference_of,
    resume,
    wait_ready,
)
from tests.lab.readiness import wait_until

from .conftest import (
    MOVER,
    PATIENCE_SECONDS,
    PAUSE,
    Manifest,
    claim,
    create,
    deployment,
    exists,
    obj,
    pod_template,
    read,
    stateful_set,
)

pytestmark = pytest.mark.lab

NOTE = "migration-ops.io/quiesced"


def pods(cluster: Cluster, space: str) -> list[str]:
    """Names of the pods that are there."""
    return [one["metadata"]["name"] for one in cluster.get(f"/api/v1/namespaces/{space}/pods")["items"]]


def cron_job(space: str, name: str) -> Manifest:
    """A CronJob that will not fire during a test."""
    template = pod_template({"app": name}, restartPolicy="Never")
    spec = {"schedule": "0 0 29 2 *", "jobTemplate": {"spec": {"template": template}}}
    return obj("CronJob", space, name, "batch/v1beta1", spec=spec)


@pytest.fixture
def shop(source_cluster: Cluster, namespace_in: Callable[[Cluster], str]) -> str:
    """A database, a web tier of two, a daemon, a nightly job, an autoscaler."""
    space = namespace_in(source_cluster)
    daemon = obj(
        "DaemonSet",
        space,
        "agent",
        "apps/v1",
        spec={"selector": {"matchLabels": {"app": "agent"}}, "template": pod_template({"app": "agent"})},
    )
    scaler = obj(
        "HorizontalPodAutoscaler",
        space,
        "web",
        "autoscaling/v1",
        spec={
            "minReplicas": 2,
            "maxReplicas": 5,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        },
    )
    running = [stateful_set(space, "db"), deployment(space, "web", replicas=2), daemon]
    create(
        source_cluster, *running, deployment(space, "idle", replicas=0), cron_job(space, "nightly"), scaler
    )
    assert wait_ready(source_cluster, running, PATIENCE_SECONDS).ready
    return space


def test_everything_stops_and_comes_back_as_it_was(source_cluster: Cluster, shop: str) -> None:
    before = {
        name: read(source_cluster, name)["spec"]
        for name in (
            f"apps/v1/Deployment/{shop}/web",
            f"apps/v1/Deployment/{shop}/idle",
            f"apps/v1/StatefulSet/{shop}/db",
            f"apps/v1/DaemonSet/{shop}/agent",
            f"batch/v1beta1/CronJob/{shop}/nightly",
        )
    }
    stored: list[QuiesceRecord] = []

    record = quiesce(
        source_cluster, [shop], plan=shop, run="run:1+2", timeout=PATIENCE_SECONDS, on_record=stored.append
    )

    assert pods(source_cluster, shop) == []
    assert [(one.object, one.wave, one.was) for one in record.workloads] == [
        (f"batch/v1beta1/CronJob/{shop}/nightly", 0, {"suspend": False}),
        (f"apps/v1/DaemonSet/{shop}/agent", 1, {"nodeSelector": NOTE}),
        (f"apps/v1/Deployment/{shop}/web", 1, {"replicas": 2}),
        (f"apps/v1/StatefulSet/{shop}/db", 2, {"replicas": 1}),
    ]
    assert stored[0].workloads == record.workloads, "the record is handed out before the first stop"
    assert QuiesceRecord.from_dict(json.loads(json.dumps(record.as_dict()))) == record

    result = resume(source_cluster, shop, timeout=PATIENCE_SECONDS)

    assert result.complete, result
    assert {name: read(source_cluster, name)["spec"] for name in before} == before
    for name in before:
        metadata = read(source_cluster, name)["metadata"]
        assert NOTE not in metadata.get("annotations", {})
        assert "migration-ops.io/quiesced-by" not in metadata.get("labels", {})
    assert resume(source_cluster, shop).resumed == (), "a second resume finds nothing to do"


def test_a_second_quiesce_keeps_what_the_first_one_remembered(source_cluster: Cluster, shop: str) -> None:
    first = quiesce(source_cluster, [shop], plan=shop, run="1", timeout=PATIENCE_SECONDS)
    again = quiesce(source_cluster, [shop], plan=shop, run="2", timeout=PATIENCE_SECONDS)

    assert again.workloads == first.workloads
    assert resume(source_cluster, shop, timeout=PATIENCE_SECONDS).complete
    assert read(source_cluster, f"apps/v1/Deployment/{shop}/web")["spec"]["replicas"] == 2


def test_what_is_captured_while_quiesced_is_as_it_ran(source_cluster: Cluster, shop: str) -> None:
    selection = Selection(namespaces_include=(shop,))

    def specs() -> dict[str, Manifest]:
        found = capture(source_cluster, selection).objects
        return {
            reference_of(one.manifest): one.manifest["spec"]
            for one in found
            if one.manifest["kind"] != "Namespace" and "spec" in one.manifest
        }

    before = specs()
    quiesce(source_cluster, [shop], plan=shop, run="1", timeout=PATIENCE_SECONDS)
    during = specs()
    resume(source_cluster, shop)

    assert during == before


def test_waves_stop_one_after_the_other_and_resume_goes_backwards(source_cluster: Cluster, shop: str) -> None:
    stopped: list[list[str]] = []
    quiesce(
        source_cluster,
        [shop],
        plan=shop,
        run="1",
        waves=[["deployment/web"], ["statefulset/*"]],
        timeout=PATIENCE_SECONDS,
        on_wave=lambda _, names: stopped.append([name.rpartition("/")[2] for name in names]),
    )
    assert stopped == [["nightly"], ["web"], ["db"], ["agent"]]

    started: list[list[str]] = []
    resume(
        source_cluster, shop, on_wave=lambda _, names: started.append([n.rpartition("/")[2] for n in names])
    )
    assert started == [["agent"], ["db"], ["web"], ["nightly"]]


def test_a_wave_that_names_nothing_stops_nothing(source_cluster: Cluster, shop: str) -> None:
    with pytest.raises(QuiesceError, match="deployment/wbe"):
        quiesce(
            source_cluster, [shop], plan=shop, run="1", waves=[["deployment/wbe"]], timeout=PATIENCE_SECONDS
        )
    assert len(pods(source_cluster, shop)) == 4


def test_another_plans_quiesce_is_not_touched(source_cluster: Cluster, shop: str) -> None:
    quiesce(source_cluster, [shop], plan=f"{shop}-a", run="1", timeout=PATIENCE_SECONDS)
    with pytest.raises(QuiesceError, match=f"quiesced by plan {shop}-a"):
        quiesce(source_cluster, [shop], plan=f"{shop}-b", run="1", timeout=PATIENCE_SECONDS)
    assert resume(source_cluster, f"{shop}-b").resumed == ()
    stopped = {name: plan for name, (plan, _) in find_quiesced(source_cluster).items() if f"/{shop}/" in name}
    assert len(stopped) == 4
    assert set(stopped.values()) == {f"{shop}-a"}
    assert resume(source_cluster, f"{shop}-a", timeout=PATIENCE_SECONDS).complete


def test_databases_come_back_first_and_what_was_not_ready_is_not_waited_for(
    source_cluster: Cluster, namespace_in: Callable[[Cluster], str]
) -> None:
    space = namespace_in(source_cluster)
    broken = deployment(space, "broken")
    broken["spec"]["template"]["spec"]["nodeSelector"] = {"nobody": "has-it"}
    running = [stateful_set(space, "db"), deployment(space, "web")]
    create(source_cluster, *running, broken)
    assert wait_ready(source_cluster, running, PATIENCE_SECONDS).ready

    record = quiesce(source_cluster, [space], plan=space, run="1", timeout=PATIENCE_SECONDS)
    assert {one.object.rpartition("/")[2]: one.ready for one in record.workloads} == {
        "broken": False,
        "db": True,
        "web": True,
    }

    started: list[list[str]] = []
    result = resume(
        source_cluster,
        space,
        timeout=600,  # as long as the test takes if it were waited for
        on_wave=lambda _, names: started.append(sorted(name.rpartition("/")[2] for name in names)),
    )
    assert started == [["db"], ["broken", "web"]]
    assert result.complete
    assert read(source_cluster, f"apps/v1/Deployment/{space}/broken")["spec"]["replicas"] == 1


def test_half_a_quiesce_is_resumed(source_cluster: Cluster, shop: str) -> None:
    class Killed(Exception):  # noqa: N818
        """Stands for the worker's death."""

    def die(wave: int, _: list[str]) -> None:
        if wave == 1:
            raise Killed

    with pytest.raises(Killed):
        quiesce(source_cluster, [shop], plan=shop, run="1", timeout=PATIENCE_SECONDS, on_wave=die)
    assert read(source_cluster, f"apps/v1/Deployment/{shop}/web")["spec"]["replicas"] == 0
    assert read(source_cluster, f"apps/v1/StatefulSet/{shop}/db")["spec"]["replicas"] == 1

    assert resume(source_cluster, shop, timeout=PATIENCE_SECONDS).complete
    assert read(source_cluster, f"apps/v1/Deployment/{shop}/web")["spec"]["replicas"] == 2


def test_a_lost_note_is_made_good_by_the_record(source_cluster: Cluster, shop: str) -> None:
    record = quiesce(source_cluster, [shop], plan=shop, run="1", timeout=PATIENCE_SECONDS)
    path = f"/apis/apps/v1/namespaces/{shop}/deployments/web"
    lost = {"metadata": {"annotations": {NOTE: None}, "labels": {"migration-ops.io/quiesced-by": None}}}
    source_cluster.patch(path, lost)

    assert resume(source_cluster, shop, record=record, timeout=PATIENCE_SECONDS).complete
    assert source_cluster.get(path)["spec"]["replicas"] == 2


def test_the_record_alone_brings_everything_back(
    source_cluster: Cluster, namespace_in: Callable[[Cluster], str]
) -> None:
    """Notes and Secrets lost, as when somebody applies his own manifests over ours."""
    space = namespace_in(source_cluster)
    spec = {"selector": {"matchLabels": {"app": "agent"}}, "template": pod_template({"app": "agent"})}
    daemon = obj("DaemonSet", space, "agent", "apps/v1", spec=spec)
    tool = obj("Pod", space, "tool", spec=pod_template({})["spec"], metadata={"labels": {"a": "b"}})
    running = [daemon, deployment(space, "web", replicas=2), tool]
    create(source_cluster, *running)
    assert wait_ready(source_cluster, running, PATIENCE_SECONDS).ready
    written = quiesce(source_cluster, [space], plan=space, run="1", timeout=PATIENCE_SECONDS).as_dict()
    lost = {"metadata": {"annotations": {NOTE: None}, "labels": {"migration-ops.io/quiesced-by": None}}}
    for path in ("daemonsets/agent", "deployments/web"):
        source_cluster.patch(f"/apis/apps/v1/namespaces/{space}/{path}", lost)
    secrets = f"/api/v1/namespaces/{space}/secrets"
    for one in source_cluster.get(secrets)["items"]:
        if one["metadata"]["name"].startswith("migration-ops"):
            source_cluster.request("DELETE", f"{secrets}/{one['metadata']['name']}")
    assert resume(source_cluster, space).resumed == ()

    record = QuiesceRecord.from_dict(json.loads(json.dumps(written)))
    result = resume(source_cluster, space, record=record, timeout=PATIENCE_SECONDS)

    assert result.complete, result
    assert read(source_cluster, reference_of(daemon))["spec"]["template"]["spec"].get("nodeSelector") is None
    assert read(source_cluster, reference_of(running[1]))["spec"]["replicas"] == 2
    assert read(source_cluster, reference_of(tool))["metadata"]["labels"] == {"a": "b"}


def test_bare_pods_and_running_jobs_stop_and_come_back(
    source_cluster: Cluster, namespace_in: Callable[[Cluster], str]
) -> None:
    space = namespace_in(source_cluster)
    pod = obj("Pod", space, "tool", spec=pod_template({}, ["data"])["spec"], metadata={"labels": {"a": "b"}})
    job_spec = {"parallelism": 2, "template": pod_template({}, restartPolicy="Never")}
    job = obj("Job", space, "import", "batch/v1", spec=job_spec)
    create(source_cluster, claim(space, "data"), pod, job)
    assert wait_ready(source_cluster, [pod, job], PATIENCE_SECONDS).ready

    record = quiesce(source_cluster, [space], plan=space, run="1", timeout=PATIENCE_SECONDS)

    assert record.bare_pods == (f"v1/Pod/{space}/tool",)
    assert pods(source_cluster, space) == []
    captured = {reference_of(one.manifest) for one in capture(source_cluster, Selection((space,))).objects}
    assert f"v1/Pod/{space}/tool" in captured, "the pod is still part of the application"

    assert resume(source_cluster, space, timeout=PATIENCE_SECONDS).complete
    back = read(source_cluster, f"v1/Pod/{space}/tool")
    assert back["metadata"]["labels"] == {"a": "b"}
    assert back["spec"]["containers"][0]["image"] == PAUSE
    assert {"type": "Ready", "status": "True"}.items() <= back["status"]["conditions"][1].items(), (
        "waited for"
    )
    assert read(source_cluster, f"batch/v1/Job/{space}/import")["spec"]["parallelism"] == 2
    secrets = source_cluster.get(f"/api/v1/namespaces/{space}/secrets")["items"]
    assert [one for one in secrets if one["metadata"]["name"].startswith("migration-ops")] == []


def test_a_pod_that_does_not_go_is_named_with_its_reason(
    source_cluster: Cluster, namespace_in: Callable[[Cluster], str]
) -> None:
    space = namespace_in(source_cluster)
    template = pod_template({"app": "web"}, terminationGracePeriodSeconds=8)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    template["spec"]["containers"][0] |= {"image": MOVER, "command": ["python3", "-c", deaf]}
    web = deployment(space, "web", template=template)
    create(source_cluster, web)
    assert wait_ready(source_cluster, [web], PATIENCE_SECONDS).ready

    with pytest.raises(QuiesceTimeout, match=rf"wave 1 on source: .*v1/Pod/{space}/web-.* is shutting down"):
        quiesce(source_cluster, [space], plan=space, run="1", timeout=3)

    assert quiesce(source_cluster, [space], plan=space, run="1", timeout=PATIENCE_SECONDS).finished, (
        "a second try goes on"
    )


def test_only_chosen_workloads_stop(source_cluster: Cluster, namespace_in: Callable[[Cluster], str]) -> None:
    space = namespace_in(source_cluster)
    create(source_cluster, deployment(space, "web"), deployment(space, "other"))
    selection = Selection(namespaces_include=(space,), label_selectors=("app=web",))

    quiesce(source_cluster, [space], plan=space, run="1", selection=selection, timeout=PATIENCE_SECONDS)

    assert read(source_cluster, f"apps/v1/Deployment/{space}/web")["spec"]["replicas"] == 0
    assert read(source_cluster, f"apps/v1/Deployment/{space}/other")["spec"]["replicas"] == 1
    assert exists(source_cluster, f"apps/v1/Deployment/{space}/other")


def test_whatever_mounts_a_chosen_volume_stops_chosen_or_not_early_or_late(
    source_cluster: Cluster, namespace_in: Callable[[Cluster], str]
) -> None:
    space = namespace_in(source_cluster)
    mounting = pod_template({"app": "beside"}, ["data"])
    workloads = [
        deployment(space, "web", template=pod_template({"app": "web"}, ["data"])),
        deployment(space, "beside", template=mounting),
        deployment(space, "apart"),
    ]
    create(source_cluster, claim(space, "data"), *workloads)
    assert wait_ready(source_cluster, workloads, PATIENCE_SECONDS).ready
    selection = Selection(namespaces_include=(space,), label_selectors=("app=web",))
    volumes = [one for one in capture(source_cluster, Selection((space,))).claims if one.name == "data"]
    late = obj(
        "Job", space, "late", "batch/v1", spec={"template": pod_template({}, ["data"], restartPolicy="Never")}
    )
    records: list[QuiesceRecord] = []

    def begin_late(number: int, _: list[str]) -> None:
        if number == 2:
            create(source_cluster, late)
            wait_until(
                lambda: any(name.startswith("late-") for name in pods(source_cluster, space)),
                "a pod",
                PATIENCE_SECONDS,
            )

    record = quiesce(
        source_cluster,
        [space],
        plan=space,
        run="1",
        selection=selection,
        claims=volumes,
        timeout=PATIENCE_SECONDS,
        on_record=records.append,
        on_wave=begin_late,
    )

    def names(found: QuiesceRecord) -> list[str]:
        return [one.object.rpartition("/")[2] for one in found.workloads]

    assert names(records[0]) == ["beside", "web"]
    assert f"Deployment/{space}/beside is not chosen, but mounts {space}/data" in records[0].warnings[0]
    assert read(source_cluster, f"apps/v1/Deployment/{space}/apart")["spec"]["replicas"] == 1
    assert record.workloads == records[-1].workloads, "what is stopped is stored before"
    assert record.finished
    assert names(record) == ["beside", "web", "late"]
    assert resume(source_cluster, space, timeout=PATIENCE_SECONDS).complete


def test_budgets_are_respected_when_asked(
    source_cluster: Cluster, namespace_in: Callable[[Cluster], str]
) -> None:
    space = namespace_in(source_cluster)
    web = deployment(space, "web")
    selector = {"matchLabels": {"app": "web"}}
    budget = obj(
        "PodDisruptionBudget", space, "web", "policy/v1beta1", spec={"minAvailable": 1, "selector": selector}
    )
    create(source_cluster, web, budget)
    assert wait_ready(source_cluster, [web], PATIENCE_SECONDS).ready

    with pytest.raises(QuiesceError, match=f"PodDisruptionBudget/{space}/web"):
        quiesce(
            source_cluster,
            [space],
            plan=space,
            run="1",
            disruption_budgets="respect",
            timeout=PATIENCE_SECONDS,
        )
    assert read(source_cluster, f"apps/v1/Deployment/{space}/web")["spec"]["replicas"] == 1
