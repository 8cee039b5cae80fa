"""What the last `connect` has tried out: the vault from both sides, and the images in the target.

Both take movers and Jobs, so they aren't tried anew before every cutover; what was found is kept in the
journal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from migration_ops.migration.readiness_report.images import ImagePull

if TYPE_CHECKING:
    from migration_ops.migration.journal import Journal

CONNECTED = "connected"


@dataclass(frozen=True)
class Probed:
    """What was tried.

    :param vault: by side, the summary of the vault probe; nothing if that wasn't tried.
    :param pulls: what the image probes said; nothing if there were none.
    :param at: when.
    """

    vault: Mapping[str, Mapping[str, Any] | None] | None = None
    pulls: Sequence[ImagePull] | None = None
    at: datetime | None = None

    def rate(self, side: str, seconds: str) -> float | None:
        """Bytes per second that the vault probe measured.

        :param side: `source` or `target`.
        :param seconds: `write_seconds` or `read_seconds`.
        """
        summary = (self.vault or {}).get(side) or {}
        size, took = float(summary.get("bytes") or 0), float(summary.get(seconds) or 0)
        return size / took if size > 0 and took > 0 else None

    def data(self) -> dict[str, Any]:
        """As the journal keeps it."""
        return {
            "vault": self.vault,
            "pulls": None if self.pulls is None else [asdict(pull) for pull in self.pulls],
        }


def last_probed(journal: Journal) -> Probed:
    """What the newest `connect` noted; empty if there was none."""
    event = journal.last(CONNECTED)
    if event is None:
        return Probed()
    pulls = event.data.get("pulls")
    return Probed(
        vault=event.data.get("vault"),
        pulls=None if pulls is None else [ImagePull(**pull) for pull in pulls],
        at=event.ended,
    )
