"""Who may reach a load balancer: what each source says, read as its controller reads it.

Whatever isn't known becomes internal, and is asked about: ACK makes a public load balancer of a Service that
says nothing it understands. Sources: kubernetes/cloud-provider-aws (pkg/providers/v1/aws.go: every value but
"false" is internal), kubernetes-sigs/aws-load-balancer-controller, kubernetes-sigs/cloud-provider-azure,
kubernetes/ingress-gce.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.ingress_classes import class_of, parameters_of
from migration_ops.transform.ingress_groups import ALB, group_of_ingress
from migration_ops.transform.objects import Parts, group_of, mapping_at
from migration_ops.transform.registry import adapter

ADDRESS_TYPE: Parts = (
    "metadata",
    "annotations",
    "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-address-type",
)
INTERNAL, PUBLIC = "intranet", "internet"
CHOICES = (INTERNAL, PUBLIC)
YES = frozenset({"1", "t", "T", "TRUE", "true", "True"})
NO = frozenset({"0", "f", "F", "FALSE", "false", "False"})
"""What Go's strconv.ParseBool reads."""

_AWS = "service.beta.kubernetes.io/aws-load-balancer-"


@dataclass(frozen=True)
class _Said:
    """What an annotation's values mean; `means_internal` is for all others that aren't empty."""

    internal: frozenset[str]
    public: frozenset[str]
    means_internal: bool = False
    nothing: frozenset[str] = frozenset({""})


_GKE = _Said(frozenset({"Internal", "internal"}), frozenset({"External", "external"}))
_AZURE = "service.beta.kubernetes.io/azure-load-balancer-internal"
ANNOTATIONS = {
    f"{_AWS}scheme": _Said(frozenset({"internal"}), frozenset({"internet-facing"}), nothing=frozenset()),
    f"{_AWS}internal": _Said(YES, frozenset({"false"}), means_internal=True),
    _AZURE: _Said(YES, NO),
    "networking.gke.io/load-balancer-type": _GKE,
    "cloud.google.com/load-balancer-type": _GKE,
}


@adapter("decide-load-balancer-scope")
def decide_load_balancer_scope(draft: Draft, _base: Parts, _context: Context) -> None:
    """Say in ACK's words whether a load balancer is internal: one annotation that says so is enough.

    :param draft: the Service.
    :param _base: unused.
    :param _context: unused.
    """
    if draft.get(ADDRESS_TYPE) is not None:
        return
    annotations = mapping_at(draft.manifest, "metadata", "annotations")
    said = {
        name: str(annotations[name])
        for name, meaning in ANNOTATIONS.items()
        if name in annotations and str(annotations[name]) not in meaning.nothing
    }
    if not said:
        return
    public = [name for name, value in said.items() if value in ANNOTATIONS[name].public]
    unknown = [name for name in said if name not in public and not _is_internal(name, said[name])]
    draft.set(ADDRESS_TYPE, PUBLIC if len(public) == len(said) else INTERNAL)
    for name in unknown:
        _ask(draft, f"{name} is {said[name]!r}, which doesn't say whether the load balancer is public")
    if public and not unknown and len(public) < len(said):
        told = ", ".join(f"{name}: {value}" for name, value in said.items())
        _ask(draft, f"what is said of its load balancer contradicts itself ({told})")


@adapter("check-address-type")
def check_address_type(draft: Draft, _base: Parts, _context: Context) -> None:
    """Take an address type that ACK's controller doesn't know for internal.

    :param draft: the Service.
    :param _base: unused.
    :param _context: unused.
    """
    value = draft.get(ADDRESS_TYPE)
    if value is None or value in CHOICES:
        return
    known = str(value).strip().lower()
    draft.set(ADDRESS_TYPE, known if known in CHOICES else INTERNAL)
    if known not in CHOICES:
        _ask(draft, f"{ADDRESS_TYPE[-1]} is {value!r}; ACK knows {INTERNAL} and {PUBLIC}")


@adapter("eks-class-parameters")
def eks_class_parameters(draft: Draft, _base: Parts, context: Context) -> None:
    """Write on an EKS Ingress what its class's parameters say: they win over its annotations in the source.

    A scheme that either of them calls internal stays internal; one that neither states is its group's.

    :param draft: the Ingress.
    :param _base: unused.
    :param context: knows the IngressClasses and their IngressClassParams.
    """
    spec = parameters_of(draft.manifest, context.ingress_classes, context.class_parameters)
    scheme: Parts = ("metadata", "annotations", f"{ALB}scheme")
    said = draft.get(scheme)
    if spec is None:
        draft.set(scheme, "internal")
        _ask(
            draft,
            "the parameters of its class (IngressClassParams) aren't among the objects, and may say that it "
            "is internal, or who may reach it",
            "bring the IngressClassParams along (clusterscoped objects), or decide",
        )
        return
    schemes = [str(value) for value in (spec.get("scheme"), said) if value is not None]
    if len(set(schemes)) > 1 and "internal" in schemes:
        _ask(draft, f"its class says that it is {schemes[0]}, and its annotation {schemes[1]}")
    group = group_of_ingress(draft.manifest, context.ingress_controller(draft.manifest), spec)
    if group is not None:
        schemes += _schemes_of_group(draft, group[1], context.schemes_of_groups.get(group, {}), schemes)
    if schemes:
        draft.set(scheme, "internet-facing" if set(schemes) == {"internet-facing"} else "internal")
    if schemes and not {"internal", "internet-facing"}.issuperset(schemes):
        _ask(draft, f"its scheme is {' and '.join(map(repr, schemes))}, which its controller doesn't know")
    for key, value in _as_annotations(spec).items():
        draft.set(("metadata", "annotations", f"{ALB}{key}"), value)


@adapter("application-routing-class")
def application_routing_class(draft: Draft, _base: Parts, context: Context) -> None:
    """Give an Ingress of AKS's application routing the class `nginx`, or `nginx-internal` and a decision.

    Only the default controller is public where nothing is said; of others nobody knows that.

    :param draft: the Ingress.
    :param _base: unused.
    :param context: knows the IngressClasses and NginxIngressControllers.
    """
    name = class_of(draft.manifest, context.ingress_classes)
    controller = context.ingress_controller(draft.manifest)
    spec = next(
        (
            mapping_at(item, "spec")
            for item in context.objects
            if (group_of(item["apiVersion"]), item["kind"])
            == ("approuting.kubernetes.azure.com", "NginxIngressController")
            and mapping_at(item, "spec").get("ingressClassName") == name
        ),
        None,
    )
    said = str(mapping_at(spec, "loadBalancerAnnotations").get(_AZURE, "false"))
    default = controller in {
        "webapprouting.kubernetes.azure.com/nginx",
        "class:webapprouting.kubernetes.azure.com",
    }
    why = ""
    if spec is None and not default:
        why = f"the NginxIngressController of the class {name} isn't among the objects, and may be internal"
    elif said not in NO:
        why = f"the NginxIngressController of the class {name} is internal ({_AZURE}: {said})"
    draft.set(("spec", "ingressClassName"), "nginx-internal" if why else "nginx")
    if why:
        draft.find(
            "decision",
            f"{why}; the Ingress gets the class nginx-internal",
            "run an ingress-nginx of that class behind an internal load balancer in the target, or set "
            "another class by a rule",
            CHOICES,
        )


def _schemes_of_group(draft: Draft, group: str, stated: Mapping[str, str], own: list[str]) -> list[str]:
    """Give the schemes that others of its group state, and tell where an Ingress becomes what they say."""
    others = [scheme for scheme in stated if scheme not in own]
    told = " and ".join(f"{stated[scheme]} says {scheme}" for scheme in others)
    if own and others:
        _ask(draft, f"it says that it is {own[0]}, and of its group {group} the Ingress {told}")
    elif len(others) > 1:
        _ask(draft, f"it doesn't state its scheme, and of its group {group} the Ingress {told}")
    elif others:
        draft.find("info", f"it doesn't state its scheme; of its group {group} the Ingress {told}")
    elif not own:
        draft.find(
            "warning",
            f"no Ingress of its group {group} that came along states the scheme: it becomes internal",
            "where another one of the group, in a namespace that isn't chosen, says internet-facing, bring "
            "it along or set the scheme",
        )
    return others


def _as_annotations(spec: dict[str, object]) -> dict[str, str]:
    """Give the annotations that say what the parameters of a class say."""
    written = {
        "group.name": mapping_at(spec, "group").get("name"),
        "ip-address-type": spec.get("ipAddressType"),
        "ssl-policy": spec.get("sslPolicy"),
        "ssl-redirect": spec.get("sslRedirectPort"),
        "target-type": spec.get("targetType"),
        "load-balancer-name": spec.get("loadBalancerName"),
        "wafv2-acl-arn": spec.get("wafv2AclArn") or spec.get("wafv2AclName"),
        "inbound-cidrs": _joined(spec.get("inboundCIDRs")),
        "certificate-arn": _joined(spec.get("certificateArn")),
        "security-group-prefix-lists": _joined(spec.get("prefixListsIDs") or spec.get("PrefixListsIDs")),
        "subnets": _joined(mapping_at(spec, "subnets").get("ids")),
        "tags": _pairs(spec.get("tags")),
        "load-balancer-attributes": _pairs(spec.get("loadBalancerAttributes")),
    }
    return {key: str(value) for key, value in written.items() if value}


def _joined(values: object) -> str:
    return ",".join(str(value) for value in values) if isinstance(values, list) else ""


def _pairs(values: object) -> str:
    found = [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
    return ",".join(f"{value.get('key')}={value.get('value')}" for value in found)


def _is_internal(name: str, value: str) -> bool:
    meaning = ANNOTATIONS[name]
    return value in meaning.internal or (meaning.means_internal and value.lower() not in {"f", "0", "false"})


def _ask(draft: Draft, message: str, suggestion: str = "") -> None:
    draft.find(
        "decision",
        f"{message}; it becomes internal",
        suggestion or "correct it in the source, or set what is right by a rule",
        CHOICES,
    )
