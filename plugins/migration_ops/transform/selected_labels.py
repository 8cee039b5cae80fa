"""Labels that rules take away although another object selects by them: they stay, and both objects are named.

A Service whose pods lose the label that it asks for serves nobody, and nothing says so: the API server takes
any selector. Rules look at one object at a time, so this is judged when all of them are done.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import (
    Manifest,
    Parts,
    group_of,
    is_builtin_group,
    mapping_at,
    pod_templates,
    pointer,
    reference,
)
from migration_ops.transform.selectors import Selects, compile_label_selector

RULE = "engine/selected-labels"
OWN: Parts = ("metadata", "labels")
_OF_NODES = frozenset({"nodeSelectorTerms", "preference", "nodeAffinity"})
_OF_OTHERS = frozenset(
    {
        "ClusterRole",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "MutatingWebhookConfiguration",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
    }
)
_PLAIN_SELECTORS = frozenset({"Service", "ReplicationController"})


@dataclass(frozen=True)
class _Selector:
    of: Manifest
    place: Parts
    keys: frozenset[str]
    selects: Selects

    @property
    def namespace(self) -> str | None:
        """The one namespace that it is about, if it is about one."""
        if self.is_of_namespaces or _reaches_out(self.of, self.place):
            return None
        return self.of["metadata"].get("namespace") or None

    @property
    def is_of_namespaces(self) -> bool:
        return str(self.place[-1]).lower().endswith("namespaceselector")

    @property
    def is_of_pods(self) -> bool:
        """What Kubernetes' own kinds select is pods, but for a few."""
        built_in = is_builtin_group(group_of(self.of["apiVersion"]))
        return built_in and self.of["kind"] not in _OF_OTHERS

    def reaches(self, holder: Manifest, place: Parts) -> bool:
        """Whether it can be about these labels at all, by what it selects and where both are."""
        if self.is_of_pods and not self.is_of_namespaces and place == OWN and holder["kind"] != "Pod":
            return False
        if self.is_of_namespaces or holder["kind"] == "Namespace":
            return self.is_of_namespaces and holder["kind"] == "Namespace"
        return self.namespace in {None, holder["metadata"].get("namespace")}


def keep_selected_labels(drafts: Sequence[Draft], originals: Sequence[Manifest]) -> None:
    """Put back each label that a selector of the result asks for.

    :param drafts: what the rules made; those of `originals` first, in their order.
    :param originals: the objects as they came.
    """
    losses = [
        (draft, place, lost)
        for draft, original in zip(drafts, originals, strict=False)
        if draft.dropped is None and draft.changes
        for place, lost in _lost(draft, original)
    ]
    if not losses:
        return
    keys = {key for _, _, lost in losses for key in lost}
    selectors: dict[str | None, list[_Selector]] = defaultdict(list)
    for draft in drafts:
        if draft.dropped is None:
            for selector in _selectors(draft.manifest):
                if selector.keys & keys:
                    selectors[selector.namespace].append(selector)
    for draft, place, lost in losses:
        namespace = draft.manifest["metadata"].get("namespace")
        for selector in [*selectors[None], *(selectors[namespace] if namespace else ())]:
            _keep(draft, place, lost, selector)


def _lost(draft: Draft, original: Manifest) -> Iterator[tuple[Parts, dict[str, str]]]:
    """Give the labels that the object itself and its pods lost, with their place."""
    places: list[Parts] = [OWN]
    if original["kind"] == draft.manifest["kind"]:
        places += [(*base, "metadata", "labels") for base in pod_templates(draft.manifest) if base]
    for place in places:
        there = mapping_at(draft.manifest, *place)
        lost = {
            key: value
            for key, value in mapping_at(original, *place).items()
            if key not in there and isinstance(value, str)
        }
        if lost:
            yield place, lost


def _keep(draft: Draft, place: Parts, lost: Mapping[str, str], selector: _Selector) -> None:
    there = mapping_at(draft.manifest, *place)
    needed = {key: value for key, value in lost.items() if key in selector.keys and key not in there}
    if not needed or not selector.reaches(draft.manifest, place):
        return
    if selector.selects(there) or not selector.selects({**there, **needed}):
        return
    draft.rule = RULE
    for key, value in needed.items():
        removed_by = draft.restore((*place, key), value)
        draft.find(
            "info",
            f"the label {key} at {pointer(place)} stays, though {removed_by or 'a rule'} takes it away: "
            f"{reference(selector.of)} selects by it ({pointer(selector.place)})",
            "take the label out of the selector first if it should go",
        )


def _selectors(manifest: Manifest) -> Iterator[_Selector]:
    """Give every label selector in an object but those of nodes, without recursion: it may be deep."""
    spec = manifest.get("spec")
    if manifest["kind"] in _PLAIN_SELECTORS and isinstance(spec, dict):
        plain = spec.get("selector")
        if isinstance(plain, dict) and plain:
            yield from _compiled(manifest, ("spec", "selector"), {"matchLabels": plain})
    waiting: list[tuple[Parts, Any]] = [((key,), value) for key, value in manifest.items()]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, list):
            waiting += [((*place, index), inner) for index, inner in enumerate(value)]
        elif isinstance(value, dict):
            if "matchLabels" in value or "matchExpressions" in value:
                yield from _compiled(manifest, place, value)
                continue
            waiting += [((*place, key), inner) for key, inner in value.items() if key not in _OF_NODES]


def _compiled(manifest: Manifest, place: Parts, selector: dict[str, Any]) -> Iterator[_Selector]:
    try:
        keys = set(selector.get("matchLabels") or {})
        keys |= {expression["key"] for expression in selector.get("matchExpressions") or ()}
        yield _Selector(manifest, place, frozenset(keys), compile_label_selector(selector))
    except (TypeError, ValueError, LookupError, AttributeError):
        return  # no selector that a server would take: nothing is selected


def _reaches_out(manifest: Manifest, place: Parts) -> bool:
    """Whether the object says which namespaces a selector is about, beside it or in its spec."""
    beside = mapping_at(manifest, *place[:-1])
    return any(
        "namespaceSelector" in one or "namespaces" in one for one in (beside, mapping_at(manifest, "spec"))
    )
