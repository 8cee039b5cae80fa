"""Who may reach a load balancer in the target: nobody more than in the source, or than is known."""

from __future__ import annotations

from typing import Any

import pytest

from migration_ops.transform import Parameters, TransformResult, transform
from tests.unit.transform.entrances import ALB, class_parameters, decisions, ingress_class, rules_of

AWS = "service.beta.kubernetes.io/aws-load-balancer-"
AZURE = "service.beta.kubernetes.io/azure-load-balancer-internal"
ACK = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-address-type"


def service(provider: str, annotations: dict[str, str], **spec: Any) -> tuple[str | None, list[str]]:
    """Give the address type that a Service gets, and the decisions that are asked for."""
    item = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "api", "namespace": "shop", "annotations": annotations},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 80}], **spec},
    }
    result = transform([item], rules_of(provider), Parameters())
    (kept,) = result.objects
    return kept["metadata"].get("annotations", {}).get(ACK), decisions(result)


def ingress(
    provider: str,
    *objects: dict[str, Any],
    name: str | None,
    annotations: dict[str, str] | None = None,
    params: dict[str, Any] | None = None,
) -> tuple[dict[str, Any], TransformResult]:
    spec: dict[str, Any] = {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}}
    item = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "web", "namespace": "shop", "annotations": annotations or {}},
        "spec": spec if name is None else {"ingressClassName": name, **spec},
    }
    result = transform([*objects, item], rules_of(provider), Parameters(params=params or {}))
    (kept,) = (one for one in result.objects if one["kind"] == "Ingress")
    return kept, result


@pytest.mark.parametrize("value", ["true", "True", "yes", "0.0.0.0/0", "10.0.0.0/8", "internal", "1"])
def test_every_value_but_false_makes_a_load_balancer_of_eks_internal(value: str) -> None:
    assert service("eks", {f"{AWS}internal": value}) == ("intranet", [])


@pytest.mark.parametrize("value", ["False", "0"])
def test_another_spelling_of_false_is_internal_and_asked_about(value: str) -> None:
    scope, asked = service("eks", {f"{AWS}internal": value})

    assert scope == "intranet"
    assert any(repr(value) in message for message in asked)


def test_eks_is_public_where_it_says_so() -> None:
    assert service("eks", {f"{AWS}internal": "false"}) == ("internet", [])
    assert service("eks", {f"{AWS}scheme": "internet-facing"}) == ("internet", [])


@pytest.mark.parametrize("value", ["Internal", "internet_facing", "public", ""])
def test_a_scheme_that_nobody_knows_is_internal_and_asked_about(value: str) -> None:
    scope, asked = service("eks", {f"{AWS}scheme": value})

    assert scope == "intranet"
    assert any("scheme" in message for message in asked)


def test_one_annotation_that_says_internal_is_enough() -> None:
    scope, asked = service("eks", {f"{AWS}scheme": "internet-facing", f"{AWS}internal": "true"})

    assert scope == "intranet"
    assert any("contradicts itself" in message for message in asked)


def test_an_empty_annotation_leaves_the_aws_controllers_default() -> None:
    assert service("eks", {f"{AWS}type": "external", f"{AWS}internal": ""})[0] == "intranet"


@pytest.mark.parametrize(
    ("value", "scope", "asks"),
    [("true", "intranet", 0), ("True", "intranet", 0), ("false", "internet", 0), ("yes", "intranet", 1)],
)
def test_spellings_of_aks(value: str, scope: str, asks: int) -> None:
    found, asked = service("aks", {AZURE: value})

    assert (found, len(asked)) == (scope, asks)


@pytest.mark.parametrize(
    ("value", "scope", "asks"),
    [("Internal", "intranet", 0), ("External", "internet", 0), ("INTERNAL", "intranet", 1)],
)
def test_spellings_of_gke(value: str, scope: str, asks: int) -> None:
    found, asked = service("gke", {"networking.gke.io/load-balancer-type": value})

    assert (found, len(asked)) == (scope, asks)


def test_an_unknown_class_of_gke_is_internal() -> None:
    scope, asked = service("gke", {}, loadBalancerClass="networking.gke.io/l4-zonal")

    assert (scope, len(asked)) == ("intranet", 1)


def test_an_old_annotation_of_tke_for_its_subnet_is_internal() -> None:
    assert service("tke", {"service.kubernetes.io/qcloud-loadbalancer-internal": "subnet-1"})[0] == "intranet"


def test_parameters_of_tkes_api_may_say_internal() -> None:
    parameters = '{"LoadBalancerType":"INTERNAL","SubnetId":"subnet-1"}'
    of_service = service("tke", {"service.kubernetes.io/service.extensiveParameters": parameters})
    of_ingress, _ = ingress(
        "tke", name="qcloud", annotations={"kubernetes.io/ingress.extensiveParameters": parameters}
    )

    assert of_service[0] == "intranet"
    assert of_ingress["spec"]["ingressClassName"] == "ack-alb-internal"


def test_a_routes_allowed_addresses_are_asked_about() -> None:
    route = {
        "apiVersion": "route.openshift.io/v1",
        "kind": "Route",
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "annotations": {"haproxy.router.openshift.io/ip_whitelist": "10.0.0.0/8"},
        },
        "spec": {"host": "a.example.com", "to": {"kind": "Service", "name": "web"}},
    }

    assert any(
        "10.0.0.0/8" in asked for asked in decisions(transform([route], rules_of("onprem"), Parameters()))
    )


@pytest.mark.parametrize("provider", ["eks", "aks", "tke", "gke"])
def test_the_class_of_an_unknown_controller_is_internal(provider: str) -> None:
    scope, asked = service(provider, {}, loadBalancerClass="example.com/inner")

    assert scope == "intranet"
    assert any("example.com/inner" in message for message in asked)


@pytest.mark.parametrize(
    ("value", "scope", "asks"),
    [("Intranet", "intranet", 0), ("internet", "internet", 0), ("no", "intranet", 1)],
)
def test_a_word_for_acks_own_annotation_is_checked(value: str, scope: str, asks: int) -> None:
    found, asked = service("eks", {ACK: value})

    assert (found, len(asked)) == (scope, asks)


@pytest.mark.parametrize(
    ("value", "name", "asks"),
    [("True", "ack-alb-internal", False), ("false", "ack-alb", False), ("yes", "ack-alb-internal", True)],
)
def test_an_application_gateway_with_a_private_address(value: str, name: str, asks: bool) -> None:
    kept, result = ingress(
        "aks",
        name="azure-application-gateway",
        annotations={"appgw.ingress.kubernetes.io/use-private-ip": value},
    )

    assert kept["spec"]["ingressClassName"] == name
    assert any("use-private-ip" in message for message in decisions(result)) is asks


@pytest.mark.parametrize(
    ("controller", "said", "became"),
    [
        ("webapprouting.kubernetes.azure.com/nginx/edge", "true", "nginx-internal"),
        ("webapprouting.kubernetes.azure.com/nginx/edge", "yes", "nginx-internal"),
        ("webapprouting.kubernetes.azure.com/nginx/edge", None, "nginx"),
        ("webapprouting.kubernetes.azure.com/nginx", "true", "nginx-internal"),
        ("approuting.kubernetes.azure.com/edge", "true", "nginx-internal"),
        ("approuting.kubernetes.azure.com/edge", "false", "nginx"),
    ],
)
@pytest.mark.parametrize("nginx", ["keep", "alb"])
def test_an_internal_controller_of_application_routing_stays_internal(
    nginx: str, controller: str, said: str | None, became: str
) -> None:
    served_by = {
        "apiVersion": "approuting.kubernetes.azure.com/v1alpha1",
        "kind": "NginxIngressController",
        "metadata": {"name": "edge"},
        "spec": {
            "ingressClassName": "nginx-internal",
            "loadBalancerAnnotations": {} if said is None else {AZURE: said},
        },
    }
    of_class = ingress_class("nginx-internal", controller)
    kept, result = ingress(
        "aks",
        of_class,
        served_by,
        name="nginx-internal",
        params={"nginx_ingress": nginx, "nginx_alb_scope": "internet"},
    )

    on_alb = {"nginx": "ack-alb", "nginx-internal": "ack-alb-internal"}[became]
    assert kept["spec"]["ingressClassName"] == (became if nginx == "keep" else on_alb)
    assert any("internal" in message for message in decisions(result)) is (became != "nginx")


def test_application_routing_whose_controller_did_not_come_along_may_have_been_internal() -> None:
    of_class = ingress_class("corp", "webapprouting.kubernetes.azure.com/nginx/corp")
    kept, result = ingress("aks", of_class, name="corp")

    assert kept["spec"]["ingressClassName"] == "nginx-internal"
    assert any("may be internal" in message for message in decisions(result))


def test_a_scheme_of_an_ingress_that_nobody_knows_is_asked_about() -> None:
    kept, result = ingress("eks", name="alb", annotations={f"{ALB}scheme": "Internal"})

    assert kept["spec"]["ingressClassName"] == "ack-alb-internal"
    assert any("doesn't know" in message for message in decisions(result))


@pytest.mark.parametrize("key", ["whitelist-source-range", "allowlist-source-range"])
def test_both_names_of_nginxs_list_of_addresses_are_asked_about(key: str) -> None:
    _, result = ingress(
        "onprem",
        name="nginx",
        annotations={f"nginx.ingress.kubernetes.io/{key}": "10.0.0.0/8"},
        params={"nginx_ingress": "alb", "nginx_alb_scope": "internet"},
    )

    assert any(key in message for message in decisions(result))


def test_addresses_that_cce_admits_to_a_path_are_asked_about() -> None:
    made = {"kubernetes.io/elb.autocreate": '{"type":"public"}'}
    condition = '[{"type":"SourceIp","sourceIpConfig":{"values":["10.0.0.0/8"]}}]'
    method = '[{"type":"Method","methodConfig":{"values":["GET"]}}]'
    name = "kubernetes.io/elb.conditions.web"
    _, asked = ingress("cce", name="cce", annotations={**made, name: condition})
    _, silent = ingress("cce", name="cce", annotations={**made, name: method})

    assert any("10.0.0.0/8" in message for message in decisions(asked))
    assert not any("conditions" in message for message in decisions(silent))


@pytest.mark.parametrize(("value", "asks"), [("none", False), ("oidc", True), ("cognito", True)])
def test_only_an_authentication_that_there_was_is_asked_about(value: str, asks: bool) -> None:
    _, result = ingress("eks", name="alb", annotations={f"{ALB}auth-type": value})

    assert any("auth-type" in message for message in decisions(result)) is asks


OPEN = ["0.0.0.0/0", "0.0.0.0/0,::/0", "10.0.0.0/8, 0.0.0.0/0"]


@pytest.mark.parametrize("value", OPEN)
@pytest.mark.parametrize(
    ("provider", "of", "key", "params"),
    [
        ("eks", "alb", f"{ALB}inbound-cidrs", {}),
        (
            "onprem",
            "nginx",
            "nginx.ingress.kubernetes.io/whitelist-source-range",
            {"nginx_ingress": "alb", "nginx_alb_scope": "internet"},
        ),
    ],
)
def test_a_list_of_addresses_that_admits_everybody_is_not_asked_about(
    value: str, provider: str, of: str, key: str, params: dict[str, Any]
) -> None:
    kept, result = ingress(provider, name=of, annotations={key: value}, params=params)

    assert not any(key in message for message in decisions(result))
    assert key not in kept["metadata"].get("annotations", {})


def test_a_list_of_addresses_that_are_kept_out_is_asked_about() -> None:
    key = "nginx.ingress.kubernetes.io/denylist-source-range"
    params = {"nginx_ingress": "alb", "nginx_alb_scope": "internet"}
    _, result = ingress("onprem", name="nginx", annotations={key: "0.0.0.0/0"}, params=params)

    assert any(key in message for message in decisions(result))


@pytest.mark.parametrize(
    ("ranges", "asks"), [(["0.0.0.0/0"], False), (["10.0.0.0/8", " 0.0.0.0/0"], False), (["::/0"], True)]
)
@pytest.mark.parametrize("acl", ["", "acl-1"])
def test_only_source_ranges_that_keep_somebody_out_need_a_list(
    ranges: list[str], asks: bool, acl: str
) -> None:
    item = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "api", "namespace": "shop"},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 80}], "loadBalancerSourceRanges": ranges},
    }
    result = transform([item], rules_of("eks"), Parameters(params={"source_ranges_acl": acl}))

    assert any("may reach this Service" in message for message in decisions(result)) is (asks and not acl)
    assert ("acl-1" in str(result.objects)) is (asks and bool(acl))


@pytest.mark.parametrize(
    ("value", "asks"),
    [
        ('[{"port": 80, "mode": "off"}, {"port": 443, "mode": "off"}]', False),
        ('[{"port": 443, "mode": "off"}, {"port": 8443, "mode": "passthrough"}]', True),
        ('[{"port": 443, "mode": "verify", "trustStore": "clients"}]', True),
        ("[]", True),
        ("[1]", True),
        ("4", True),
        ("{}", True),
        ("nothing", True),
    ],
)
def test_only_a_mutual_authentication_that_is_on_is_asked_about(value: str, asks: bool) -> None:
    _, result = ingress("eks", name="alb", annotations={f"{ALB}mutual-authentication": value})

    assert any("mutual-authentication" in message for message in decisions(result)) is asks
    assert not result.blockers


def test_an_ingress_of_cce_that_names_no_load_balancer_is_internal() -> None:
    kept, result = ingress("cce", name="cce")

    assert kept["spec"]["ingressClassName"] == "ack-alb-internal"
    assert any("names no load balancer" in message for message in decisions(result))


def test_parameters_of_a_class_win_over_annotations() -> None:
    kept, result = ingress(
        "eks",
        ingress_class("alb", "ingress.k8s.aws/alb", "alb"),
        class_parameters(
            "alb", scheme="internet-facing", group={"name": "shared"}, inboundCIDRs=["10.0.0.0/8"]
        ),
        name="alb",
        annotations={f"{ALB}group.name": "own"},
    )

    assert kept["spec"]["ingressClassName"] == "ack-alb-shared"
    assert any("10.0.0.0/8" in message for message in decisions(result))


@pytest.mark.parametrize(
    ("of_class", "of_ingress"), [("internal", "internet-facing"), ("internet-facing", "internal")]
)
def test_a_scheme_that_either_calls_internal_stays_internal(of_class: str, of_ingress: str) -> None:
    kept, result = ingress(
        "eks",
        ingress_class("web", "ingress.k8s.aws/alb", "web"),
        class_parameters("web", scheme=of_class),
        name="web",
        annotations={f"{ALB}scheme": of_ingress},
    )

    assert kept["spec"]["ingressClassName"] == "ack-alb-internal"
    assert any("its class says" in message for message in decisions(result))


def test_parameters_that_did_not_come_along_may_have_said_internal() -> None:
    kept, result = ingress(
        "eks",
        ingress_class("alb", "ingress.k8s.aws/alb", "gone"),
        name="alb",
        annotations={f"{ALB}scheme": "internet-facing"},
    )

    assert kept["spec"]["ingressClassName"] == "ack-alb-internal"
    assert any("IngressClassParams" in message for message in decisions(result))


def test_parameters_do_not_count_where_the_annotation_names_the_class() -> None:
    of_class = ingress_class("alb", "ingress.k8s.aws/alb", "alb")
    scheme = class_parameters("alb", scheme="internet-facing")
    annotated = {"kubernetes.io/ingress.class": "alb"}

    silent, _ = ingress("eks", of_class, scheme, name=None, annotations=annotated)
    public, result = ingress(
        "eks", of_class, name=None, annotations={**annotated, f"{ALB}scheme": "internet-facing"}
    )

    assert silent["spec"]["ingressClassName"] == "ack-alb-internal"
    assert public["spec"]["ingressClassName"] == "ack-alb"
    assert not any("IngressClassParams" in message for message in decisions(result))


@pytest.mark.parametrize(
    ("provider", "controller", "became"),
    [
        ("eks", "ingress.k8s.aws/alb", "ack-alb-internal"),
        ("eks", "eks.amazonaws.com/alb", "ack-alb-internal"),
        ("aks", "azure/application-gateway", "ack-alb"),
        ("aks", "webapprouting.kubernetes.azure.com/nginx", "nginx"),
        ("gke", "k8s.io/ingress-gce", "ack-alb-internal"),
        ("tke", "cloud.tencent.com/qcloud", "ack-alb"),
        ("cce", "k8s.io/cce", "ack-alb-internal"),
    ],
)
def test_a_class_under_a_companys_own_name_is_known_by_its_controller(
    provider: str, controller: str, became: str
) -> None:
    kept, result = ingress(provider, ingress_class("edge", controller), name="edge")

    assert kept["spec"]["ingressClassName"] == became
    assert [item.reason for item in result.dropped] == [
        "the controller belongs to the source; its Ingresses get a class of the target's"
    ]


def test_a_class_called_alb_of_another_controller_is_left_alone() -> None:
    kept, _ = ingress("eks", ingress_class("alb", "k8s.io/ingress-nginx"), name="alb")

    assert kept["spec"]["ingressClassName"] == "alb"


@pytest.mark.parametrize(
    ("name", "scope", "became"),
    [
        ("edge", "internet", "ack-alb"),
        ("edge-internal", "internet", "ack-alb-internal"),
        ("edge", "intranet", "ack-alb-internal"),
        ("edge", "", "ack-alb-internal"),
    ],
)
def test_ingresses_of_any_nginx_are_public_only_where_the_plan_says_so(
    name: str, scope: str, became: str
) -> None:
    item = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"ingressClassName": name, "defaultBackend": {"service": {"name": "web"}}},
    }
    params = {"nginx_ingress": "alb", "nginx_alb_scope": scope}
    result = transform(
        [ingress_class(name, "k8s.io/ingress-nginx"), item],
        rules_of("onprem"),
        Parameters(params=params),
    )

    (kept,) = result.objects
    assert kept["spec"]["ingressClassName"] == became
    assert any("nginx_alb_scope" in finding.suggestion for finding in result.findings) is (scope == "")
