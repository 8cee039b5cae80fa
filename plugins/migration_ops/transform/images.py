"""Names of images: written out in full, mapped to another registry, collected for copying."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from migration_ops.transform.draft import Draft
from migration_ops.transform.parameters import lies_below, replace_longest_prefix
from migration_ops.transform.results import ImageCopy

DEFAULT_REGISTRY = "docker.io"
OTHER_NAMES = ("index.docker.io", "registry-1.docker.io")
_NO_IMAGE = re.compile(r"[\s{}$]")
"""A template's text isn't an image yet."""


def full_name(image: str) -> str:
    """Write an image's name out as container runtimes understand it.

    `nginx` is `docker.io/library/nginx`, `grafana/grafana` is `docker.io/grafana/grafana`; a first part with
    a dot, a colon or called `localhost` is a registry.

    :param image: the name as a manifest has it.
    """
    first, slash, _ = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return DEFAULT_REGISTRY + image[len(first) :] if first in OTHER_NAMES else image
    return f"{DEFAULT_REGISTRY}/{image}" if slash else f"{DEFAULT_REGISTRY}/library/{image}"


def map_image(image: str, registries: Mapping[str, str]) -> str | None:
    """Give the target's name of an image; None when no prefix fits or it is a target's name already.

    :param image: the name as a manifest has it.
    :param registries: prefixes of full names to what replaces them.
    """
    name = full_name(image)
    if _NO_IMAGE.search(image) or any(
        lies_below(name, replacement.rstrip("/")) for replacement in registries.values()
    ):
        return None
    mapped = replace_longest_prefix(name, registries)
    return None if mapped == name else mapped


def image_copies(drafts: Iterable[Draft]) -> list[ImageCopy]:
    """Collect which images must be copied, by what the `images` rules changed.

    :param drafts: the objects that go to the target.
    """
    users: dict[tuple[str, str], list[str]] = defaultdict(list)
    for draft in drafts:
        for source, target in draft.images:
            if draft.reference not in users[source, target]:
                users[source, target].append(draft.reference)
    return [ImageCopy(source, target, tuple(names)) for (source, target), names in sorted(users.items())]
