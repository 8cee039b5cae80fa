"""One object that another one names."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Need:
    """One object that another one names.

    :param group: API group of the needed object, empty for core.
    :param kind: its kind.
    :param namespace: empty for cluster-scoped objects.
    :param name: its name.
    :param reason: why it is needed, as a phrase that follows "needed by".
    """

    group: str
    kind: str
    namespace: str
    name: str
    reason: str
