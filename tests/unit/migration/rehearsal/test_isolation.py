"""Nobody outside of a rehearsal notices it."""

import copy

import pytest

from migration_ops.migration.rehearsal.isolation import isolate, network_policies
from migration_ops.migration.rehearsal.scratch import REHEARSAL_LABEL

from .conftest import RUN, SCRATCH


@pytest.fixture
def shaped(plan):
    """Isolates objects; the target has the cluster-scoped ones that are named."""

    def run(*objects, existing=()):
        return isolate(
            objects,
            plan.rehearsal,
            RUN,
            namespaces={"shop": SCRATCH},
            exists=lambda item: item["metadata"]["name"] in existing,
        )

    return run


@pytest.mark.parametrize(
    ("kind", "api"),
    [
        ("Ingress", "networking.k8s.io/v1"),
        ("HTTPRoute", "gateway.networking.k8s.io/v1"),
        ("VirtualService", "networking.istio.io/v1"),
        ("AlbConfig", "alibabacloud.com/v1"),
        ("DNSEndpoint", "externaldns.k8s.io/v1alpha1"),
        ("Certificate", "cert-manager.io/v1"),
        ("Order", "acme.cert-manager.io/v1"),
        ("Application", "argoproj.io/v1alpha1"),
        ("HelmRelease", "helm.toolkit.fluxcd.io/v2"),
        ("NetworkPolicy", "networking.k8s.io/v1"),
        ("CiliumNetworkPolicy", "cilium.io/v2"),
        ("NetworkPolicy", "crd.projectcalico.org/v1"),
    ],
)
def test_what_acts_outward_is_left_out_with_a_reason(shaped, thing, kind, api):
    found = shaped(thing(kind, api))
    assert found.objects == []
    ((name, reason),) = found.left_out
    assert name == f"{api}/{kind}/{SCRATCH}/web"
    assert reason


@pytest.mark.parametrize(
    ("kind", "api"),
    [("ValidatingWebhookConfiguration", "admissionregistration.k8s.io/v1"), ("PersistentVolume", "v1")],
)
def test_cluster_wide_acting_objects_are_left_out_also_where_the_target_lacks_them(shaped, thing, kind, api):
    assert shaped(thing(kind, api, scoped=False)).objects == []


def test_argo_rollouts_are_workloads_and_stay(shaped, thing):
    assert len(shaped(thing("Rollout", "argoproj.io/v1alpha1", spec={})).objects) == 1


def test_cluster_scoped_objects_are_made_only_where_they_are_absent(shaped, thing):
    definition = thing("CustomResourceDefinition", "apiextensions.k8s.io/v1", scoped=False, spec={})
    assert len(shaped(definition).objects) == 1
    found = shaped(definition, existing={"web"})
    assert found.objects == []
    assert "exists in the target" in found.left_out[0][1]


def test_a_load_balancer_becomes_an_inner_service_that_no_controller_recognises(shaped, thing):
    service = thing(
        "Service",
        metadata={"annotations": {"service.beta.kubernetes.io/alibaba-cloud-loadbalancer-id": "lb-1"}},
        spec={
            "type": "LoadBalancer",
            "loadBalancerIP": "1.2.3.4",
            "externalTrafficPolicy": "Local",
            "healthCheckNodePort": 30001,
            "ports": [{"port": 80, "nodePort": 30080}],
        },
    )
    before = copy.deepcopy(service)
    found = shaped(service)
    assert found.objects[0]["spec"] == {"type": "ClusterIP", "ports": [{"port": 80}]}
    assert "annotations" not in found.objects[0]["metadata"]
    assert found.changes[0][1:] == ("/spec/type", "LoadBalancer", "ClusterIP")
    assert service == before


def test_published_names_are_taken_off_whatever_carries_them(shaped, thing):
    annotations = {"external-dns.alpha.kubernetes.io/hostname": "shop.example.com", "team": "x"}
    found = shaped(thing("Service", metadata={"annotations": annotations}, spec={"type": "ClusterIP"}))
    assert found.objects[0]["metadata"]["annotations"] == {"team": "x"}


def test_cron_jobs_are_suspended(shaped, thing):
    found = shaped(thing("CronJob", "batch/v1", spec={"schedule": "* * * * *"}))
    assert found.objects[0]["spec"]["suspend"] is True


def test_workloads_that_must_not_run_twice_are_stopped_or_left_out(shaped, thing):
    pod = {"template": {"spec": {"containers": []}}}
    mailer = thing("Deployment", "apps/v1", metadata={"name": "mailer"}, spec={"replicas": 3, **pod})
    agent = thing("DaemonSet", "apps/v1", metadata={"name": "agent"}, spec=dict(pod))
    web = thing("Deployment", "apps/v1", spec={"replicas": 2, **pod})
    found = shaped(mailer, agent, web)
    assert [one["spec"]["replicas"] for one in found.objects] == [0, 2]
    assert [name for name, _ in found.left_out] == [f"apps/v1/DaemonSet/{SCRATCH}/agent"]


def test_pods_in_the_nodes_network_are_left_out_and_ports_on_nodes_are_closed(shaped, thing):
    def deployment(name, **spec):
        return thing(
            "Deployment", "apps/v1", metadata={"name": name}, spec={"template": {"spec": spec}, "replicas": 1}
        )

    container = {"name": "a", "ports": [{"containerPort": 80, "hostPort": 80}]}
    found = shaped(
        deployment("host", hostNetwork=True, containers=[]), deployment("port", containers=[container])
    )
    assert [one["metadata"]["name"] for one in found.objects] == ["port"]
    assert found.objects[0]["spec"]["template"]["spec"]["containers"][0]["ports"] == [{"containerPort": 80}]


def test_claims_get_volumes_of_their_own(shaped, thing):
    claim = thing("PersistentVolumeClaim", spec={"volumeName": "pv-1", "selector": {}, "accessModes": []})
    assert shaped(claim).objects[0]["spec"] == {"accessModes": []}


def test_everything_carries_the_rehearsals_label(shaped, thing):
    found = shaped(thing("ConfigMap"), thing("Namespace", scoped=False, metadata={"labels": {"a": "b"}}))
    assert [one["metadata"]["labels"][REHEARSAL_LABEL] for one in found.objects] == [RUN, RUN]


def test_the_report_names_what_was_left_out_and_defused(shaped, thing):
    found = shaped(thing("Ingress", "networking.k8s.io/v1"), thing("CronJob", "batch/v1", spec={}))
    report = found.report({"changes": [{"rule": "a"}], "dropped_objects": []})
    assert [one["rule"] for one in report["changes"]] == ["a", "rehearsal"]
    assert report["dropped_objects"][0]["object"].endswith("/Ingress/rehearsal-4a4a4a-shop-prod/web")


def test_a_policy_closes_each_scratch_namespace_but_for_its_own_and_dns(plan):
    (policy,) = network_policies([SCRATCH], plan.rehearsal, RUN)
    spec = policy["spec"]
    assert policy["metadata"]["namespace"] == SCRATCH
    assert spec["podSelector"] == {}
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    among = {"namespaceSelector": {"matchLabels": {REHEARSAL_LABEL: RUN}}}
    assert spec["ingress"] == [{"from": [among]}]
    own, dns, allowed = spec["egress"]
    assert own == {"to": [among]}
    assert {port["port"] for port in dns["ports"]} == {53}
    assert allowed == {"to": [{"ipBlock": {"cidr": "10.9.0.0/16"}}]}
