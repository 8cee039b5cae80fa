"""What makes the source an old cluster of another cloud, and the target a modern one of ACK."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Flavour:
    """What makes one cluster differ from the other.

    :param number: its addresses follow from it.
    :param old_betas: whether it serves the beta APIs of old clusters.
    :param storage_class: name and settings of its class of volumes.
    """

    number: int
    old_betas: bool
    storage_class: dict[str, Any]


FLAVOURS = {
    "source": Flavour(
        number=1,
        old_betas=True,
        storage_class={
            "metadata": {
                "name": "gp2",
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            "volumeBindingMode": "WaitForFirstConsumer",
        },
    ),
    "target": Flavour(
        number=2,
        old_betas=False,
        # Not the default: a claim whose class nobody mapped must not find a volume by accident.
        storage_class={"metadata": {"name": "alicloud-disk-essd"}, "volumeBindingMode": "Immediate"},
    ),
}
