"""Which API versions the target serves: what it says itself, or what its Kubernetes version implies."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from migration_ops.transform.objects import group_of, is_builtin_group
from migration_ops.transform.parameters import parse_version

NEWEST_KNOWN = (1, 32)


class ServedApis:
    """The target's API versions.

    :param version: the target's Kubernetes version; without it and without `apis`, the newest that is known.
    :param apis: the target's own list, as `group/version` or `group/version/Kind`.
    :param installed: `group/version/Kind` of the CRDs that come along with the objects.
    """

    def __init__(
        self, version: str | None, apis: Collection[str] | None, installed: Iterable[str] = ()
    ) -> None:
        self.version = parse_version(version) if version else NEWEST_KNOWN
        self.described = (
            "what the target serves"
            if apis is not None
            else f"Kubernetes {self.version[0]}.{self.version[1]}"
        )
        self._installed = frozenset(installed)
        self._kinds: frozenset[str] | None = None
        self._versions: frozenset[str] = frozenset()
        if apis is not None:
            entries = [entry.strip() for entry in apis if entry.strip()]
            self._kinds = frozenset(entry for entry in entries if names_a_kind(entry))
            listed = {entry.rpartition("/")[0] for entry in self._kinds}
            self._versions = frozenset(entries) - self._kinds - listed

    @property
    def is_listed(self) -> bool:
        """Whether the target's own list is known."""
        return self._kinds is not None

    def serves(self, api_version: str, kind: str, since: str | None, removed: str | None) -> bool:
        """Whether the target serves a version of a built-in kind.

        :param api_version: such as `policy/v1`.
        :param kind: such as `PodDisruptionBudget`.
        :param since: the first Kubernetes version that serves it; None: as long as anybody remembers.
        :param removed: the first Kubernetes version that doesn't any more; None: it still does.
        """
        if self._kinds is not None:
            return f"{api_version}/{kind}" in self._kinds or api_version in self._versions
        if since is not None and self.version < parse_version(since):
            return False
        return removed is None or self.version < parse_version(removed)

    def has_field_since(self, since: str) -> bool:
        """Whether the target is new enough for a field; an unknown version counts as new.

        :param since: the first Kubernetes version that has the field.
        """
        return self.version >= parse_version(since)

    def is_missing(self, api_version: str, kind: str) -> bool:
        """Whether the target surely lacks a kind: it isn't on its list, nor does its CRD come along.

        :param api_version: such as `example.com/v1`.
        :param kind: such as `Widget`.
        """
        name = f"{api_version}/{kind}"
        if self._kinds is None or name in self._installed:
            return False
        return name not in self._kinds and api_version not in self._versions

    def is_unknown(self, api_version: str, kind: str) -> bool:
        """Whether it can't be told if the target has a custom kind.

        :param api_version: such as `example.com/v1`.
        :param kind: such as `Widget`.
        """
        known = self._kinds is not None or f"{api_version}/{kind}" in self._installed
        return not known and not is_builtin_group(group_of(api_version))


def names_a_kind(entry: str) -> bool:
    """Whether an entry of the list is `group/version/Kind` (core: `v1/Kind`) and not just `group/version`.

    :param entry: the entry.
    """
    last = entry.rpartition("/")[2]
    return "/" in entry and last[:1].isupper()
