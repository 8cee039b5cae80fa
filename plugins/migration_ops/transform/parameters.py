"""What a plan says to the rules: mappings, versions and the rule sets' own parameters."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from migration_ops.transform.errors import ParameterError

PROVIDERS = ("eks", "gke", "aks", "tke", "cce", "ack", "onprem")
VERSION = re.compile(r"v?(\d{1,3})\.(\d{1,3})\+?(?:\.\d+)?(?:[-+.][A-Za-z0-9.+-]*)?")
NEWEST_MINOR = 99
_OLDEST_MINOR = 10
IMAGE_PREFIX = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?(?:/[A-Za-z0-9._-]+)*")
API = re.compile(r"(?:[a-z0-9][a-z0-9.-]*/)?[a-z][a-z0-9-]*(?:/[A-Z][A-Za-z0-9]*)?")


@dataclass(frozen=True)
class Parameters:
    """A migration's answers to what rules ask.

    :param storage_classes: source's StorageClass (or glob) to the target's.
    :param image_registries: prefix of an image's full name to what replaces it.
    :param namespaces: the source's namespace to the target's.
    :param params: values for the parameters that rule sets declare.
    :param target_version: the target's Kubernetes version, such as `1.32`.
    :param target_apis: what the target serves, as `group/version` or `group/version/Kind` (core: `v1`,
        `v1/Pod`); decides over `target_version`.
    :param named_namespaces: namespaces that the plan names one by one: the application's, whatever they look
        like.
    :param source_provider: `eks`, `gke`, `aks`, `tke`, `cce`, `ack` or `onprem`; recognised from the objects
        when not given.
    :raises ParameterError: when a mapping's result would be mapped again, so that a second run would
        change what the first one wrote.
    """

    storage_classes: Mapping[str, str] = field(default_factory=dict)
    image_registries: Mapping[str, str] = field(default_factory=dict)
    namespaces: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    target_version: str | None = None
    target_apis: Collection[str] | None = None
    source_provider: str | None = None
    named_namespaces: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Check what can be checked without rule sets."""
        for name in ("storage_classes", "image_registries", "namespaces"):
            mapping = getattr(self, name)
            for key, value in mapping.items():
                if not isinstance(key, str) or not isinstance(value, str):
                    raise ParameterError(f"{name}: {key!r}: {value!r} must map text to text")
        for name in ("storage_classes", "namespaces"):
            refuse_chains(name, getattr(self, name))
        refuse_registries(self.image_registries)
        if self.target_version is not None:
            target_version(self.target_version)
        if self.source_provider is not None and self.source_provider not in PROVIDERS:
            raise ParameterError(
                f"{self.source_provider!r} is no provider that the rules know; "
                f"give one of {', '.join(PROVIDERS)}, or none: then it is recognised"
            )


def refuse_chains(name: str, mapping: Mapping[str, str]) -> None:
    """Refuse mappings such as a→b, b→c.

    :param name: what the mapping is called in the plan.
    :param mapping: the mapping.
    :raises ParameterError: naming the two entries.
    """
    for key, value in mapping.items():
        following = mapping.get(value, value)
        if following != value:
            raise ParameterError(
                f"{name}: {key} becomes {value}, and {value} becomes {following}; a second run would "
                "change the result again. Use a name on the right that isn't on the left"
            )


def parse_version(text: str) -> tuple[int, int]:
    """Read a Kubernetes version's major and minor number.

    :param text: such as `1.32`, `v1.32.4`, `1.20+` or `v1.30.1-aliyun.1`.
    :raises ParameterError: when that is no version.
    """
    match = VERSION.fullmatch(text.strip())
    if match is None:
        raise ParameterError(f"{text!r} is no Kubernetes version; write it as 1.32")
    return int(match[1]), int(match[2])


def target_version(text: str) -> tuple[int, int]:
    """Read the version of a target, which must be one that there can be.

    :param text: as of `parse_version`.
    :raises ParameterError: when it is none.
    """
    major, minor = parse_version(text)
    if major == 1 and minor < _OLDEST_MINOR:
        raise ParameterError(
            f"no rule knows Kubernetes {major}.{minor}; if {major}.{minor}0 is meant, put quotes around it"
        )
    if major != 1 or minor > NEWEST_MINOR:
        raise ParameterError(
            f"there is no Kubernetes {major}.{minor}; write the target's version, such as 1.32"
        )
    return major, minor


def check_apis(entries: Sequence[str], source: str) -> list[str]:
    """Check what a target is said to serve.

    :param entries: each `group/version` or `group/version/Kind`; of the core group `v1` or `v1/Pod`.
    :param source: what errors call the list.
    :raises ParameterError: naming the first entry of another form.
    """
    for entry in entries:
        if not API.fullmatch(entry):
            raise ParameterError(
                f"{source}: {entry!r} is neither group/version nor group/version/Kind, such as apps/v1 or "
                "apps/v1/Deployment"
            )
    return list(entries)


def look_up(
    name: str, layers: Sequence[Mapping[str, str]], settled: Collection[str] = frozenset()
) -> str | None:
    """Map a name: the first layer that knows it decides, by an exact key before globs, longer globs first.

    :param name: the name in the source.
    :param layers: mappings, the most important first.
    :param settled: names of the target; globs leave them alone, so that a second run changes nothing.
    """
    for layer in layers:
        if name in layer:
            return layer[name]
        if name in settled:
            continue
        for pattern in sorted(layer, key=len, reverse=True):
            if any(sign in pattern for sign in "*?[") and fnmatchcase(name, pattern):
                return layer[pattern]
    return None


def refuse_registries(mapping: Mapping[str, str]) -> None:
    """Refuse mappings of images that can't be meant, or that no image would ever meet.

    :param mapping: prefix of images to what replaces it.
    :raises ParameterError: naming the entry.
    """
    prefixes: dict[str, str] = {}
    for key, value in mapping.items():
        prefix = key.rstrip("/")
        where = f"image_registries: {key!r}: {value!r}"
        if not IMAGE_PREFIX.fullmatch(value.rstrip("/")):
            raise ParameterError(
                f"{where}: {value!r} is no registry or prefix; write registry.example.com/team"
            )
        first = prefix.partition("/")[0]
        if "." not in first and ":" not in first and first != "localhost":
            raise ParameterError(
                f"{where}: {key!r} doesn't begin with a registry, as images' full names do; write "
                + (f"docker.io/{prefix}" if prefix else "docker.io")
            )
        if prefix in prefixes and mapping[prefixes[prefix]].rstrip("/") != value.rstrip("/"):
            raise ParameterError(
                f"image_registries: {prefixes[prefix]!r} and {key!r} are one prefix; keep one"
            )
        prefixes[prefix] = key
    for prefix, key in prefixes.items():
        for other, value in mapping.items():
            target = value.rstrip("/")
            if lies_below(prefix, target) and mapping[key].rstrip("/") != prefix:
                raise ParameterError(
                    f"image_registries: no image would ever meet {key!r}: what begins with {target} is in "
                    f"the target already by {other!r}: {value!r}; use another name on one side"
                )


def lies_below(name: str, prefix: str) -> bool:
    """Whether an image's name begins with a prefix, up to a boundary: `/`, `:`, `@` or its end.

    After a registry alone a colon begins a port, which is another registry.

    :param name: the full name.
    :param prefix: registry or path, without a slash at its end.
    """
    if not name.startswith(prefix):
        return False
    return name[len(prefix) : len(prefix) + 1] in (("", "/", ":", "@") if "/" in prefix else ("", "/"))


def replace_longest_prefix(text: str, mapping: Mapping[str, str]) -> str | None:
    """Replace the longest prefix that the mapping has; prefixes end at a boundary of the name.

    :param text: an image's full name.
    :param mapping: prefix to replacement; a slash at the end of either means nothing.
    """
    for key in sorted(mapping, key=lambda key: len(key.rstrip("/")), reverse=True):
        prefix = key.rstrip("/")
        if lies_below(text, prefix):
            return mapping[key].rstrip("/") + text[len(prefix) :]
    return None


def merged(defaults: Any, given: Any) -> Any:
    """Lay given values over defaults, mapping by mapping.

    :param defaults: what holds without an answer.
    :param given: the answer.
    """
    if isinstance(defaults, Mapping) and isinstance(given, Mapping):
        return {**defaults, **{key: merged(defaults.get(key), value) for key, value in given.items()}}
    return given
