"""The image probe, and the report as a whole."""

from __future__ import annotations

import dataclasses
import json
from typing import ClassVar

import pytest
from pydantic import ValidationError

from migration_ops.cluster import ObjectResult
from migration_ops.migration.errors import ReadinessError
from migration_ops.migration.readiness_report import (
    ImageProbe,
    ImagePull,
    Probed,
    ReadinessFinding,
    ReadinessReport,
    Situation,
    StartedProbe,
    build_image_probe,
    build_pre_pulls,
    build_pull_secrets,
    check_images,
    image_probes,
    image_uses,
    is_settled,
    look_until_settled,
    pod_demands,
    read_image_probe,
    readiness_report,
    split_probes,
)
from migration_ops.migration.readiness_report.image_rounds import nodes_of
from migration_ops.migration.readiness_report.pod_security import violations
from migration_ops.transform import Dropped, Finding, ImageCopy, TransformResult

PROBE = ImageProbe("shop-prod", ("registry/web:1", "registry/db:1"))


def probes_of(objects, *namespaces):
    return image_probes(pod_demands(objects), namespaces=namespaces, accounts=[], stand_in="default")


def status(name, image_id="", **state):
    return {"name": name, "imageID": image_id, "state": state}


def probe_pod(*statuses, **more):
    return {"spec": {"nodeName": "n1"}, "status": {"containerStatuses": list(statuses), **more}}


def test_each_image_is_probed_once_per_namespace_and_rights(make_deployment):
    secret = {"imagePullSecrets": [{"name": "acr"}]}
    objects = [make_deployment("a"), make_deployment("b"), make_deployment("c", **secret)]
    probes = probes_of(objects, "shop-prod")
    assert [(one.images, one.pull_secrets) for one in probes] == [
        (("registry/web:1",), ()),
        (("registry/web:1",), ("acr",)),
    ]
    assert {(one.namespace, one.secrets_from) for one in probes} == {("shop-prod", None)}


def test_where_the_namespace_is_missing_another_stands_in_with_copied_secrets(make_deployment):
    objects = [make_deployment("a"), make_deployment("b", imagePullSecrets=[{"name": "acr"}])]
    plain, with_secret = probes_of(objects)
    assert (plain.namespace, plain.secrets_from) == ("default", None)
    assert (with_secret.namespace, with_secret.secrets_from) == ("default", "shop-prod")
    job = build_image_probe(with_secret, plan="shop", run="r")
    assert job["spec"]["parallelism"] == 0
    kept = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/dockerconfigjson",
        "metadata": {"name": "acr", "namespace": "shop-prod"},
        "data": {".dockerconfigjson": "e30="},
    }
    (copied,) = build_pull_secrets(with_secret, job, "uid-1", [kept])
    (named,) = job["spec"]["template"]["spec"]["imagePullSecrets"]
    assert copied["metadata"]["name"] == named["name"] != "acr"
    assert copied["metadata"]["ownerReferences"][0]["uid"] == "uid-1"
    assert (copied["data"], copied["type"]) == (kept["data"], kept["type"])
    assert build_image_probe(plain, plan="shop", run="r")["spec"]["parallelism"] == 1


def test_an_account_that_is_missing_is_replaced_by_the_default_one(make_deployment):
    objects = [make_deployment(serviceAccountName="web")]
    assert [one.service_account for one in probes_of(objects, "shop-prod")] == ["default"]
    known = image_probes(
        pod_demands(objects), namespaces=["shop-prod"], accounts=[("shop-prod", "web")], stand_in="default"
    )
    assert [one.service_account for one in known] == ["web"]


def test_pre_pulling_brings_every_image_to_every_node():
    jobs = build_pre_pulls([PROBE], ["n1", "n2"], plan="shop", run="r")
    assert len({job["metadata"]["name"] for job in jobs}) == 2
    assert all(job["spec"]["template"]["spec"]["tolerations"] for job in jobs)


def test_a_probe_starts_nothing_and_suits_every_namespace():
    job = build_image_probe(PROBE, plan="shop", run="r", node="n1")
    pod = job["spec"]["template"]["spec"]
    assert violations(pod, "restricted") == []
    assert {one["image"] for one in pod["containers"]} == set(PROBE.images)
    assert {tuple(one["command"]) for one in pod["containers"]} == {("/migration-ops.io/no-such-command",)}
    assert not pod["automountServiceAccountToken"]
    assert "n1" in str(pod["affinity"])
    assert len(job["metadata"]["name"]) <= 52


def test_the_same_probe_has_the_same_name_and_another_one_another():
    names = [
        build_image_probe(PROBE, plan="shop", run=run, node=node)["metadata"]["name"]
        for run, node in [("r", None), ("r", None), ("s", None), ("r", "n1")]
    ]
    assert len(set(names)) == 3
    assert names[0] == names[1]


def test_large_probes_are_split():
    many = ImageProbe("x", tuple(f"i:{number}" for number in range(45)))
    assert [len(one.images) for one in split_probes([many])] == [20, 20, 5]


@pytest.mark.parametrize(
    ("said", "state"),
    [
        (status("image-0", waiting={"reason": "ErrImagePull", "message": "not found"}), "failed"),
        (status("image-0", waiting={"reason": "ImagePullBackOff"}), "failed"),
        (status("image-0", waiting={"reason": "InvalidImageName"}), "failed"),
        (status("image-0", waiting={"reason": "ContainerCreating"}), "waiting"),
        (status("image-0", waiting={"reason": "RunContainerError"}), "pulled"),
        (status("image-0", waiting={"reason": "CreateContainerError"}), "pulled"),
        (status("image-0", "sha256:1", terminated={"exitCode": 128, "reason": "StartError"}), "pulled"),
    ],
)
def test_a_probe_is_read_from_its_pods_status(said, state):
    (web, database) = read_image_probe(PROBE, [probe_pod(said)])
    assert (web.image, web.state) == ("registry/web:1", state)
    assert database.state == "waiting"


def test_probes_are_settled_when_waiting_tells_nothing_new():
    pulled, failed, waiting = (ImagePull("i", state) for state in ("pulled", "failed", "waiting"))
    assert is_settled([pulled, pulled], 0)
    assert not is_settled([pulled, failed], 5)
    assert is_settled([pulled, failed], 60)
    assert not is_settled([failed, waiting], 60)


def test_a_probe_that_found_no_node_says_why():
    condition = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}
    pulls = read_image_probe(PROBE, [{"spec": {}, "status": {"conditions": [condition]}}])
    assert {one.reason for one in pulls} == {"0/1 nodes are available"}
    assert [one.severity for one in check_images(pulls, {})] == ["warning", "warning"]


def test_an_image_that_cannot_be_pulled_blocks_and_names_its_users(make_deployment):
    failed = status("image-0", waiting={"reason": "ErrImagePull", "message": "pull access denied"})
    pulls = read_image_probe(PROBE, [probe_pod(failed, status("image-1", "sha256:1"))])
    (found,) = check_images(pulls, image_uses(pod_demands([make_deployment()])))
    assert found.severity == "blocker"
    assert "pull access denied" in found.reason
    assert "apps/v1/Deployment/shop-prod/web" in found.reason


def made(severity, check="c", where="o", reason="r"):
    return ReadinessFinding(check=check, severity=severity, object=where, reason=reason, suggestion="s")


def test_a_report_puts_the_worst_first_and_says_things_once():
    report = ReadinessReport.of([made("info"), made("blocker"), made("warning"), made("blocker")], ["c"])
    assert [one.severity for one in report.findings] == ["blocker", "warning", "info"]
    assert report.counts == {"blocker": 1, "warning": 1, "info": 1}
    assert report.lines()[0] == "1 checks: 1 blocker, 1 warning, 1 info"


def test_blockers_stop_and_are_named_with_their_remedy():
    with pytest.raises(ReadinessError, match=r"blocker: o: r \(s\)"):
        ReadinessReport.of([made("blocker")], ["c"]).raise_for_blockers()
    ReadinessReport.of([made("decision")], ["c"]).raise_for_blockers()


def test_the_text_of_an_approval_is_bounded_and_leaves_information_out():
    findings = [made("warning", reason=f"r{number:02}") for number in range(60)] + [made("info")]
    text = ReadinessReport.of(findings, ["c"]).markdown(shown=50)
    assert text.count("\n- ") == 51
    assert "and 10 more" in text


def test_what_is_the_same_about_many_objects_is_said_once():
    findings = [made("warning", where=f"o{number}", reason=f"/data/k{number} is odd") for number in range(5)]
    report = ReadinessReport.of([*findings, made("decision", where="o1"), made("warning")], ["c"])

    assert report.markdown().splitlines()[2:] == [
        "- decision: o1: r (s)",
        "- warning: o: r (s)",
        "- warning: o0 /data/k0, o1 /data/k1, o2 /data/k2 and 2 more: is odd (s)",
        "- the task's log names all objects",
    ]
    assert report.lines()[-2:] == [
        "warning: o0 /data/k0, o1 /data/k1, o2 /data/k2 and 2 more: is odd (s)",
        "    also o3 /data/k3, o4 /data/k4",
    ]
    assert report.short_lines() == report.lines()[:-1]
    assert len(report.model_dump()["findings"]) == 7


def test_an_unknown_severity_is_refused():
    with pytest.raises(ValidationError):
        made("fatal")


@pytest.fixture
def situation(make_plan, make_facts, make_capture, make_deployment, make_node):
    web = make_deployment(requests={"cpu": "1"})
    adapted = TransformResult(
        objects=[web],
        changes=[],
        findings=[Finding("v1/Secret/shop/tls", "decision", "identity/tls", "expires", "renew", ("a", "b"))],
        dropped=[Dropped("v1/ConfigMap/shop/aws-auth", "cleanup/eks", "belongs to EKS")],
        image_copies=[ImageCopy("old/web:1", "registry/web:1", ("x",))],
    )
    return Situation(
        plan=make_plan(),
        source=make_facts(make_node(), name="source", identity="s", version="v1.20.2"),
        target=make_facts(make_node()),
        capture=make_capture(make_deployment()),
        adapted=adapted,
        objects=[web],
    )


def test_every_check_runs_over_one_reading(situation):
    report = readiness_report(situation)
    assert len(report.checked) == 37
    assert report.blockers == []
    said = {(one.check, one.severity) for one in report.findings}
    assert {("rules", "decision"), ("rules", "info"), ("images", "info"), ("plan", "warning")} <= said


def test_checks_without_their_facts_are_not_said_to_have_run(situation):
    report = readiness_report(situation)
    assert not {"dry run", "vault", "images"} & set(report.checked)
    more = dataclasses.replace(situation, trial=[], probes={"source": None}, pulls=[])
    again = readiness_report(more)
    assert {"dry run", "existing objects", "vault", "images"} <= set(again.checked)
    assert [one.object for one in again.blockers] == ["source"]


def test_what_nobody_has_tried_is_told_until_connect_has(situation):
    (told,) = [one for one in readiness_report(situation).findings if one.check == "probes"]
    assert told.severity == "warning"
    assert "the vault's reach and speed and the images' pulls" in told.reason
    assert "connect" in told.suggestion
    tried = dataclasses.replace(situation, probes={"source": None}, pulls=[])
    assert "probes" not in {one.check for one in readiness_report(tried).findings}


def test_an_image_that_came_after_the_last_probe_is_told(situation):
    (told,) = check_images([ImagePull("old:1", "pulled")], {"old:1": ["a"], "new:1": ["b"]})
    assert (told.severity, told.object) == ("warning", "new:1")


def test_probes_go_through_a_trigger_and_come_back_the_same():
    started = StartedProbe(ImageProbe("shop", ("web:1", "db:1"), ("pull",), "default", "shop-prod"), "job-1")
    assert StartedProbe.of(json.loads(json.dumps(started.data()))) == started


def test_a_question_about_images_is_answered_when_all_is_settled():
    class Target:
        state: ClassVar[dict] = {"waiting": {"reason": "ContainerCreating"}}

        def get(self, _path, **_options):
            status = {"name": "image-0", "state": self.state}
            return {"items": [{"spec": {"nodeName": "n"}, "status": {"containerStatuses": [status]}}]}

    started = [StartedProbe(ImageProbe("shop", ("web:1",)), "job-1").data()]
    assert look_until_settled(Target(), started=started, since=0.0) is None
    Target.state = {"terminated": {"exitCode": 128}}
    (pull,) = look_until_settled(Target(), started=started, since=0.0)
    assert (pull["image"], pull["state"]) == ("web:1", "pulled")


def test_every_node_that_takes_pods_pre_pulls():
    cordoned = {"metadata": {"name": "b"}, "spec": {"unschedulable": True}}
    assert nodes_of([{"metadata": {"name": "c"}}, cordoned, {"metadata": {"name": "a"}, "spec": {}}]) == [
        "a",
        "c",
    ]


def test_what_connect_tried_is_kept_with_its_speeds():
    summary = {"bytes": 1000, "write_seconds": 2.0, "read_seconds": 0.5}
    probed = Probed({"source": summary, "target": None}, [ImagePull("web:1", "pulled")])
    assert probed.rate("source", "write_seconds") == 500
    assert probed.rate("target", "read_seconds") is None
    assert [ImagePull(**one) for one in probed.data()["pulls"]] == probed.pulls


def test_no_finding_quotes_a_secret(situation):
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "login", "namespace": "shop-prod"},
        "stringData": {"password": "a-marker-of-a-secret"},
    }
    refused = ObjectResult(
        "apps/v1/Deployment/shop-prod/web", "failed", 'env: Invalid value: "a-marker-of-a-secret": too long'
    )
    seen = dataclasses.replace(situation, objects=[*situation.objects, secret], trial=[refused])
    report = readiness_report(seen)
    assert "a-marker-of-a-secret" not in report.model_dump_json()
    assert any('Invalid value: "(secret)"' in one.reason for one in report.blockers)


def test_a_report_survives_being_handed_on(situation):
    report = readiness_report(situation)
    assert ReadinessReport.model_validate(report.model_dump(mode="json")) == report
