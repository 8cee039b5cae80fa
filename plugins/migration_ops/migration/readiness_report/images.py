"""Images that the target can't pull: which to probe, and what a probe's pod says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from migration_ops.cluster import Manifest
from migration_ops.cluster.podspec import containers_of
from migration_ops.migration.readiness_report.finding import ReadinessFinding, finding
from migration_ops.migration.readiness_report.image_probe import ImageProbe
from migration_ops.migration.readiness_report.pods import PodDemand

CHECK = "images"

PullState = Literal["pulled", "failed", "waiting"]

_FAILED = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "RegistryUnavailable",
        "ImageInspectError",
        "SignatureValidationFailed",
    }
)
# Only after the image is there does the kubelet try to make or start a container.
_BEYOND_PULLING = frozenset({"CreateContainerError", "RunContainerError", "CreateContainerConfigError"})


@dataclass(frozen=True)
class ImagePull:
    """What became of one image.

    :param state: `pulled`, `failed`, or `waiting` while it isn't decided.
    :param reason: the kubelet's words.
    """

    image: str
    state: PullState
    reason: str = ""
    node: str = ""


def image_probes(
    demands: Sequence[PodDemand],
    *,
    namespaces: Iterable[str],
    accounts: Iterable[tuple[str, str]],
    stand_in: str,
) -> list[ImageProbe]:
    """What to probe: each image once per set of pull rights.

    :param demands: the pods that will run.
    :param namespaces: those that exist in the target.
    :param accounts: (namespace, name) of the target's ServiceAccounts; the default one stands in for others.
    :param stand_in: namespace of the target in which pods of the missing ones are probed.
    """
    existing, known = set(namespaces), set(accounts)
    found: dict[tuple[str, tuple[str, ...], str, str], dict[str, None]] = {}
    for demand in demands:
        here = demand.namespace in existing
        secrets = tuple(sorted({one["name"] for one in demand.spec.get("imagePullSecrets") or []}))
        account = demand.spec.get("serviceAccountName") or "default"
        if (demand.namespace, account) not in known:
            account = "default"
        borrowed = "" if here or not secrets else demand.namespace
        key = (demand.namespace if here else stand_in, secrets, account, borrowed)
        images = found.setdefault(key, {})
        for image in images_of(demand.spec):
            images[image] = None
    return [
        ImageProbe(namespace, tuple(images), secrets, account, borrowed or None)
        for (namespace, secrets, account, borrowed), images in sorted(found.items())
        if images
    ]


def images_of(spec: Mapping[str, Any]) -> list[str]:
    """The images of a pod, image volumes included, each once."""
    images = [one.get("image") for one in containers_of(dict(spec))]
    images += [(one.get("image") or {}).get("reference") for one in spec.get("volumes") or []]
    return list(dict.fromkeys(str(image) for image in images if image))


def read_image_probe(probe: ImageProbe, pods: Iterable[Manifest]) -> list[ImagePull]:
    """What a probe's pods say so far of each image.

    :param pods: the Job's pods; none means that nothing is decided.
    """
    statuses: dict[str, tuple[Mapping[str, Any], str]] = {}
    unplaced = ""
    for pod in pods:
        status = pod.get("status") or {}
        node = (pod.get("spec") or {}).get("nodeName", "")
        for one in status.get("containerStatuses") or []:
            statuses[one["name"]] = (one, node)
        for condition in status.get("conditions") or []:
            if condition["type"] == "PodScheduled" and condition["status"] == "False":
                unplaced = str(condition.get("message") or condition.get("reason") or "")
    return [
        _read(image, *statuses[name]) if name in statuses else ImagePull(image, "waiting", unplaced)
        for name, image in probe.container_names().items()
    ]


def check_images(pulls: Sequence[ImagePull], uses: Mapping[str, Sequence[str]]) -> list[ReadinessFinding]:
    """Name the images that the target can't pull.

    :param pulls: of all probes, after their time.
    :param uses: references of the objects that use each image.
    """
    findings = []
    for pull in pulls:
        users = ", ".join(list(uses.get(pull.image, ()))[:3])
        where = f" on node {pull.node}" if pull.node else ""
        used = f"; used by {users}" if users else ""
        if pull.state == "failed":
            reason = f"can't be pulled{where}: {pull.reason}{used}"
            remedy = "copy it there for the nodes' platform, or correct image_registries and pull secrets"
            findings.append(finding(CHECK, "blocker", pull.image, reason, remedy))
        elif pull.state == "waiting":
            told = f": {pull.reason}" if pull.reason else ""
            reason = f"wasn't pulled in time{where}{told}{used}"
            findings.append(finding(CHECK, "warning", pull.image, reason, "probe again, or pre-pull it"))
    findings += [
        finding(CHECK, "warning", image, "wasn't probed: it came after the last probe", "run connect again")
        for image in sorted(set(uses) - {pull.image for pull in pulls})
    ]
    return findings


def image_uses(demands: Iterable[PodDemand]) -> dict[str, list[str]]:
    """References of the objects that use each image."""
    uses: dict[str, list[str]] = {}
    for demand in demands:
        for image in images_of(demand.spec):
            uses.setdefault(image, []).append(demand.object)
    return uses


def _read(image: str, status: Mapping[str, Any], node: str) -> ImagePull:
    state = status.get("state") or {}
    waiting = state.get("waiting") or {}
    reason = waiting.get("reason", "")
    if reason in _FAILED:
        message = waiting.get("message") or reason
        return ImagePull(image, "failed", str(message)[:400], node)
    if status.get("imageID") or state.get("terminated") or state.get("running") or reason in _BEYOND_PULLING:
        return ImagePull(image, "pulled", node=node)
    return ImagePull(image, "waiting", str(reason), node)
