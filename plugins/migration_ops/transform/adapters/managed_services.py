"""What belonged to a workload that a managed service replaces, and is of no use without it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from migration_ops.transform.adapters.service_names import texts_with_names
from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import (
    POD_TEMPLATE_PATHS,
    Manifest,
    Parts,
    items_at,
    mapping_at,
    pointer,
    value_at,
)
from migration_ops.transform.registry import adapter
from migration_ops.transform.selectors import compile_label_selector


@dataclass(frozen=True)
class Replaced:
    """A workload that stays behind.

    :param manifest: the workload.
    :param name: `Kind/namespace/name`.
    :param host: what is used instead.
    :param service: the Service that leads to the host, as `namespace/name`.
    """

    manifest: Manifest
    name: str
    host: str
    service: str

    @property
    def namespace(self) -> str:
        """Where it lay."""
        return str(self.manifest["metadata"].get("namespace", ""))

    @property
    def labels(self) -> dict[str, str]:
        """Labels of its pods."""
        template = POD_TEMPLATE_PATHS.get(self.manifest["kind"], ("spec", "template"))
        return mapping_at(self.manifest, *template, "metadata", "labels")

    def mounts(self, claim: str) -> bool:
        """Tell whether a claim was this workload's.

        :param claim: its name.
        """
        template = POD_TEMPLATE_PATHS.get(self.manifest["kind"], ("spec", "template"))
        named = {
            value_at(volume, ("persistentVolumeClaim", "claimName"))
            for volume in items_at(self.manifest, *template, "spec", "volumes")
        }
        owner = re.escape(self.manifest["metadata"]["name"])
        templates = (
            re.escape(str(value_at(one, ("metadata", "name"))))
            for one in items_at(self.manifest, "spec", "volumeClaimTemplates")
        )
        return claim in named or any(re.fullmatch(rf"{one}-{owner}-\d+", claim) for one in templates)


@adapter("report-what-belonged-to-replaced")
def report_what_belonged(draft: Draft, base: Parts, context: Context) -> None:
    """Report what acts on pods that a managed service replaces, keeps their data or calls them by name.

    :param draft: any object.
    :param base: unused: texts of all places are looked at.
    :param context: knows the parameter `managed_services`, and the workloads.
    """
    if draft.dropped is not None:
        return
    kind = draft.manifest["kind"]
    namespace = draft.manifest["metadata"].get("namespace", "")
    for one in _replaced(context):
        if kind == "NetworkPolicy":
            _network_policy(draft, one)
        if one.namespace == namespace:
            _useless(draft, one, context)
        _names_of_pods(draft, base, one)


def _replaced(context: Context) -> Iterator[Replaced]:
    for entry in context.param("managed_services") or ():
        if not isinstance(entry, dict):
            continue
        for name in entry.get("replaces") or ():
            manifest = context.workloads.get(str(name))
            if manifest is not None:
                yield Replaced(manifest, str(name), str(entry.get("host")), str(entry.get("service")))


def _useless(draft: Draft, one: Replaced, context: Context) -> None:
    manifest, kind = draft.manifest, draft.manifest["kind"]
    name = manifest["metadata"]["name"]
    if kind == "PersistentVolumeClaim" and one.mounts(name):
        draft.find(
            "decision",
            f"it held the data of {one.name}, which {one.host} replaces, and is still provisioned and filled",
            "exclude it in select.volumes once the managed service holds its data",
            ("leave the claim behind", "keep it as a copy of the data"),
        )
    if kind == "HorizontalPodAutoscaler":
        target = mapping_at(manifest, "spec", "scaleTargetRef")
        if f"{target.get('kind')}/{one.namespace}/{target.get('name')}" == one.name:
            _of_no_use(draft, one, "scales")
    if kind == "PodDisruptionBudget" and _only_its_pods(
        draft, value_at(manifest, ("spec", "selector")), one, context
    ):
        _of_no_use(draft, one, "protects only pods of")
    if kind == "Service" and f"{one.namespace}/{name}" != one.service:
        selector = mapping_at(manifest, "spec", "selector")
        if selector and _only_its_pods(draft, {"matchLabels": selector}, one, context):
            _of_no_use(draft, one, "leads only to pods of")


def _of_no_use(draft: Draft, one: Replaced, what: str) -> None:
    draft.find(
        "warning",
        f"{what} {one.name}, which {one.host} replaces",
        "exclude it in select, or delete it in the target; whoever uses it must use the managed service",
    )


def _network_policy(draft: Draft, one: Replaced) -> None:
    for direction, peers in (("egress", "to"), ("ingress", "from")):
        for number, rule in enumerate(items_at(draft.manifest, "spec", direction)):
            for index, peer in enumerate(items_at(rule, peers)):
                if "podSelector" not in peer or not _selects(peer["podSelector"], one.labels):
                    continue
                if (
                    "namespaceSelector" not in peer
                    and draft.manifest["metadata"].get("namespace") != one.namespace
                ):
                    continue
                place = pointer(("spec", direction, number, peers, index))
                draft.find(
                    "decision",
                    f"{place} allows traffic {peers} the pods of {one.name}; {one.host} replaces them and is "
                    "no pod",
                    f"allow the address of {one.host} by an ipBlock, or its traffic is refused",
                    ("an ipBlock for the managed service", "no policy for this traffic"),
                )


def _names_of_pods(draft: Draft, base: Parts, one: Replaced) -> None:
    """Names such as db-0.db that only a StatefulSet's pods have."""
    if one.manifest["kind"] != "StatefulSet":
        return
    name = re.escape(one.manifest["metadata"]["name"])
    expression = re.compile(rf"(?<![\w.-]){name}-\d+\.[a-z0-9-]+")
    for parts, text in texts_with_names(draft, base):
        if found := expression.search(text):
            draft.find(
                "decision",
                f"{pointer(parts)} calls {found[0]}, a pod of {one.name}, which {one.host} replaces",
                f"use the Service {one.service}, which leads to the managed service",
                ("the Service's name", "the managed service's own name"),
            )


def _only_its_pods(draft: Draft, selector: Any, one: Replaced, context: Context) -> bool:
    """Whether of all workloads of the namespace a selector finds this one alone."""
    if not isinstance(selector, dict) or not _selects(selector, one.labels):
        return False
    namespace = draft.manifest["metadata"].get("namespace", "")
    stays = {other.name for other in _replaced(context)}
    for name, manifest in context.workloads.items():
        if name in stays or manifest["metadata"].get("namespace", "") != namespace:
            continue
        template = POD_TEMPLATE_PATHS.get(manifest["kind"], ("spec", "template"))
        if _selects(selector, mapping_at(manifest, *template, "metadata", "labels")):
            return False
    return True


def _selects(selector: Any, labels: dict[str, str]) -> bool:
    if not isinstance(selector, dict):
        return False
    try:
        return compile_label_selector(selector)(labels)
    except (ValueError, TypeError, AttributeError, KeyError):
        return False  # none that an API server would take
