"""Whether movers of both clusters reach the vault, and what its speed means for this plan's volumes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from migration_ops.migration.plan import Plan
from migration_ops.migration.readiness_report.finding import ReadinessFinding, finding
from migration_ops.mover import size_text

CHECK = "vault"
SLOW_BYTES_PER_SECOND = 2 * 2**20
"""Below this a cutover of even small deltas is long, whatever else is done well."""


def check_vault(probes: Mapping[str, Mapping[str, Any] | None], total_bytes: int) -> list[ReadinessFinding]:
    """Read the vault probes' summaries.

    :param probes: by side (`source`, `target`), what `vault probe` said; nothing if it failed or didn't run.
    :param total_bytes: size of the plan's volumes.
    """
    findings = []
    for side, summary in probes.items():
        speeds = rates(summary)
        if speeds is None:
            findings.append(
                finding(
                    CHECK,
                    "blocker",
                    side,
                    "no mover there has written to the vault, read back and deleted",
                    "look at the probe's log: image, egress, DNS, endpoint, certificate, credentials",
                )
            )
            continue
        upload, download = speeds
        word, rate = ("up", upload) if side == "source" else ("down", download)
        whole = f"{size_text(total_bytes)} would take {_time(total_bytes / rate)} there as a whole"
        reason = f"{size_text(upload)}/s up, {size_text(download)}/s down; {whole}"
        if rate < SLOW_BYTES_PER_SECOND:
            remedy = f"use a nearer endpoint or a faster line: {word}load bounds the downtime"
            findings.append(finding(CHECK, "warning", side, f"slow: {reason}", remedy))
        else:
            findings.append(finding(CHECK, "info", side, reason))
    return findings


def check_probed(vault: bool, images: bool) -> list[ReadinessFinding]:
    """Say what nobody has tried: what isn't known is no good news.

    :param vault: whether the vault was probed from both sides.
    :param images: whether the images were probed in the target.
    """
    missing = [
        *([] if vault else ["the vault's reach and speed"]),
        *([] if images else ["the images' pulls"]),
    ]
    if not missing:
        return []
    remedy = "run the plan's connect: it probes both, and what it finds is used from then on"
    return [finding("probes", "warning", "target", f"nobody has tried {' and '.join(missing)}", remedy)]


def check_keys(plan: Plan, end: datetime, now: datetime) -> list[ReadinessFinding]:
    """Say if movers may outlive the keys that they are given when they start.

    :param plan: names the vault's connection, and how long a mover may take.
    :param end: when the keys end that the connection gives now.
    :param now: the time.
    """
    left, longest = (end - now).total_seconds(), plan.movers.timeout.total_seconds()
    if left >= longest:
        return []
    reason = (
        f"the keys of connection {plan.vault.conn_id} are a role's and end in {_time(max(left, 0))}, at "
        f"{end.astimezone(UTC):%H:%M} UTC; movers keep those they start with, and may take {_time(longest)} "
        "(movers.timeout): one that takes longer than its keys fails with ExpiredToken"
    )
    remedy = (
        "name keys that don't end, a longer session (assume_role_kwargs with DurationSeconds in the aws "
        "connection, and the role's own limit), or set movers.timeout to what the session allows"
    )
    return [finding(CHECK, "warning", f"connection {plan.vault.conn_id}", reason, remedy)]


def rates(summary: Mapping[str, Any] | None) -> tuple[float, float] | None:
    """Bytes per second up and down that a probe measured; nothing if it didn't.

    :param summary: of `vault probe`.
    """
    if not summary:
        return None
    size, write, read = (float(summary.get(key) or 0) for key in ("bytes", "write_seconds", "read_seconds"))
    return (size / write, size / read) if size > 0 and write > 0 and read > 0 else None


def _time(seconds: float) -> str:
    for unit, length in (("h", 3600.0), ("min", 60.0)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"
