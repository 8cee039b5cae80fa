"""What Ingresses, Gateways and Certificates need of cert-manager, and what nginx's annotations name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migration_ops.cluster.need import Need
from migration_ops.cluster.reference import Manifest, ObjectReference, annotations_of

CERT_MANAGER = "cert-manager.io"

# https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/
_NGINX = "nginx.ingress.kubernetes.io/"
_NGINX_NAMES: dict[str, tuple[str, str]] = {
    "auth-secret": ("Secret", "password file"),
    "auth-tls-secret": ("Secret", "authority of clients' certificates"),
    "proxy-ssl-secret": ("Secret", "certificate for backends"),
    "auth-proxy-set-headers": ("ConfigMap", "headers"),
    "custom-headers": ("ConfigMap", "headers"),
    "fastcgi-params-configmap": ("ConfigMap", "FastCGI parameters"),
    "default-backend": ("Service", "default backend"),
}


def annotation_needs(manifest: Manifest, user: ObjectReference) -> Iterator[Need]:
    """Yield what annotations of an Ingress or Gateway name.

    :param manifest: the object.
    :param user: its reference.
    """
    notes = annotations_of(manifest)
    group = notes.get("cert-manager.io/issuer-group", CERT_MANAGER)
    kind = notes.get("cert-manager.io/issuer-kind", "Issuer")
    yield from _issuer(group, kind, notes.get("cert-manager.io/issuer", ""), user)
    yield from _issuer(CERT_MANAGER, "ClusterIssuer", notes.get("cert-manager.io/cluster-issuer", ""), user)
    for key, (kind, use) in _NGINX_NAMES.items():
        namespace, _, name = notes.get(_NGINX + key, "").rpartition("/")
        yield Need("", kind, namespace or user.namespace, name, f"{use} of {user}")


def certificate_needs(manifest: Manifest, user: ObjectReference) -> Iterator[Need]:
    """Yield a Certificate's issuer, and the Secret that holds what was issued: the target need not ask again.

    :param manifest: the Certificate.
    :param user: its reference.
    """
    spec = manifest.get("spec") or {}
    issuer = spec.get("issuerRef") or {}
    group = issuer.get("group") or CERT_MANAGER
    yield from _issuer(group, issuer.get("kind") or "Issuer", issuer.get("name", ""), user)
    yield Need("", "Secret", user.namespace, spec.get("secretName", ""), f"certificate of {user}")


def issuer_needs(manifest: Manifest, user: ObjectReference) -> Iterator[Need]:
    """Yield the Secrets of an Issuer: its authority, its account, its accounts with DNS providers.

    :param manifest: the Issuer.
    :param user: its reference.
    """
    waiting: list[Any] = [manifest.get("spec")]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            waiting += value.values()
            for field, inner in value.items():
                if field.endswith("SecretRef") and isinstance(inner, dict):
                    yield Need("", "Secret", user.namespace, inner.get("name", ""), f"{field} of {user}")
                elif field == "secretName" and isinstance(inner, str):
                    yield Need("", "Secret", user.namespace, inner, f"certificate authority of {user}")


def _issuer(group: str, kind: str, name: str, user: ObjectReference) -> Iterator[Need]:
    namespace = "" if "Cluster" in kind else user.namespace
    yield Need(group, kind, namespace, name, f"issuer of {user}")
