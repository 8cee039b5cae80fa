"""A Service whose workload moved must lead to pods; a load balancer may still wait for its address."""

import pytest

from migration_ops.cluster import Cluster, NotFound
from migration_ops.migration.reachability import look_at_services


def service(name, selector=None, kind="ClusterIP"):
    metadata = {"name": name, "namespace": "shop"}
    spec = {"selector": selector, "type": kind}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def workload(replicas):
    template = {"metadata": {"labels": {"app": "web", "tier": "front"}}}
    metadata = {"name": "web", "namespace": "shop"}
    spec = {"replicas": replicas, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


class Target(Cluster):
    """A cluster that answers with what it was given."""

    def __init__(self, reached=(), status=None):
        self.reached, self.status = reached, status or {}

    def get(self, path, **_options):
        if path.endswith("/endpoints"):
            subsets = [{"addresses": [{"ip": "10.0.0.1"}]}]
            return {
                "items": [
                    {"metadata": {"name": n, "namespace": "shop"}, "subsets": subsets} for n in self.reached
                ]
            }
        if path.endswith("/gone"):
            raise NotFound("gone", status=404)
        return {"metadata": {"name": "x"}, "status": self.status}


def test_a_service_without_ready_pods_is_named():
    objects = [service("web", {"app": "web"}), workload(2)]
    line = "v1/Service/shop/web has no ready endpoint"
    assert look_at_services(Target(), objects)[0] == {line: line}
    assert look_at_services(Target(reached=["web"]), objects) == ({}, [])


@pytest.mark.parametrize(
    "objects",
    [
        [service("web", {"app": "web"}), workload(0)],
        [service("web", {"app": "other"}), workload(2)],
        [service("web"), workload(2)],
    ],
    ids=["its workload has no replicas", "no workload of the set has its pods", "it selects nothing"],
)
def test_a_service_that_needs_no_pods_is_not(objects):
    assert look_at_services(Target(), objects) == ({}, [])


def test_a_load_balancer_without_address_is_named_and_no_difference():
    objects = [service("public", kind="LoadBalancer")]
    (waiting,) = look_at_services(Target(), objects)[1]
    assert waiting == "v1/Service/shop/public still waits for the address of its load balancer"
    given = {"loadBalancer": {"ingress": [{"ip": "47.1.2.3"}]}}
    assert look_at_services(Target(status=given), objects) == ({}, [])


def test_a_service_of_a_bare_pod_needs_it():
    labels = {"app": "web"}
    pod = {"kind": "Pod", "metadata": {"name": "p", "namespace": "shop", "labels": labels}, "spec": {}}
    assert look_at_services(Target(), [service("web", labels), pod])[0]
