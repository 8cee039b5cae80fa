"""The proof that nothing was lost: resources as adapted, volumes as saved, an application that answers.

Content is judged at the first look. What can settle (ready workloads, endpoints, answers) is looked at again
until all of it is right in one look: see `settling`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from migration_ops.migration.errors import VerificationError
from migration_ops.migration.node_trouble import nodes_in_trouble
from migration_ops.migration.probes import ProbeResult, ask_probe, question_of
from migration_ops.migration.reachability import look_at_services
from migration_ops.migration.settling import look_until_settled
from migration_ops.migration.verified_resources import (
    ResourcesFound,
    unready_workloads,
    verify_resources,
)

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

    from migration_ops.cluster import Cluster
    from migration_ops.migration.plan import Plan

Manifest = dict[str, Any]

ENDPOINTS_SECONDS = 15.0
"""Endpoints follow ready pods within a few seconds: so long they have even with `verify.settle: 0s`."""


class Verification(BaseModel):
    """What was looked at and what was found to differ.

    :param different: a line each: missing or changed objects, volumes with differences, what didn't settle.
    :param explained: objects that aren't as adapted for a reason that the plan gives.
    :param settled: what was wrong only for a while, with how long.
    :param readings: how many volumes were read again, and how.
    """

    objects: int
    volumes: int
    bytes: int
    readings: list[str] = []
    different: list[str] = []
    explained: list[str] = []
    settled: list[str] = []
    probes: list[ProbeResult] = []

    def lines(self) -> list[str]:
        """What was found, a line each."""
        volumes = self.readings or [f"{self.volumes} volumes"]
        return [
            f"{self.objects} objects compared, {len(self.probes)} probes; {'; '.join(volumes)}",
            *(f"Explained: {line}" for line in self.explained),
            *(f"Settled: {line}" for line in self.settled),
            *(f"{'Passed' if p.passed else 'FAILED'}: {p.probe} ({p.detail})" for p in self.probes),
            *(f"DIFFERENT: {line}" for line in self.different),
        ]

    def raise_for_differences(self) -> None:
        """Stop if anything differs or a probe failed.

        :raises VerificationError: naming all of it.
        """
        wrong = self.different + [f"{one.probe}: {one.detail}" for one in self.probes if not one.passed]
        if wrong:
            raise VerificationError("the target isn't what was moved:\n" + "\n".join(wrong))


@dataclass
class _Look:
    """One look at everything.

    :param unreached: Services that lead nowhere, by their names.
    :param waiting: load balancers without an address, which nothing waits for.
    :param asked: the answers of this look, or of one before where asking again was no use yet.
    """

    resources: ResourcesFound
    unready: dict[str, str]
    unreached: dict[str, str]
    waiting: list[str]
    differs: list[str]
    asked: dict[int, ProbeResult] = field(default_factory=dict)

    @property
    def failing(self) -> list[int]:
        return [number for number, one in self.asked.items() if not one.passed]

    @property
    def wrong(self) -> dict[str, str]:
        return self.unready | self.unreached

    @property
    def unsettled(self) -> dict[str, str]:
        probes = {
            f"probe {number}": f"{self.asked[number].probe}: {self.asked[number].detail}"
            for number in self.failing
        }
        return self.wrong | probes

    @property
    def lasts(self) -> bool:
        return bool(self.differs or self.resources.different)


def verify_target(
    plan: Plan,
    target: Cluster,
    api_client: ApiClient,
    objects: Sequence[Manifest],
    volumes: Sequence[dict[str, Any]],
    *,
    run: str,
    say: Callable[[str], object] = lambda _: None,
) -> Verification:
    """Compare the target with what was to be there, and ask the application.

    :param objects: the adapted objects.
    :param volumes: what restoring each volume returned; its `summary` counts what a second reading found.
    :param run: the run as a label value; what waited for its backend until now is applied in its name.
    :param say: told what isn't well yet and is looked at again.
    :raises ClusterUnreachable: if the API server is away for longer than it is waited for.
    """
    differs = verify_volumes(volumes)
    namespaces = sorted(str(item["metadata"]["name"]) for item in objects if item["kind"] == "Namespace")
    probes = plan.verify.probes

    def ask(numbers: Sequence[int]) -> dict[int, ProbeResult]:
        place = namespaces[0] if namespaces else "default"
        answers = target.each(lambda one: ask_probe(target, api_client, probes[one], place), numbers)
        return dict(zip(numbers, answers, strict=True))

    def look(before: _Look | None) -> _Look:
        if before is None or before.resources.incomplete:
            resources = verify_resources(plan, target, objects, run)
            unready = resources.unsettled
        else:
            resources, unready = before.resources, unready_workloads(target, objects)
        unreached, waiting = look_at_services(target, objects)
        found = _Look(resources, unready, unreached, waiting, differs)
        if before is None:
            found.asked = ask(range(len(probes)))
            return found
        # A passed probe counts only in a look in which all is well: it is asked again when the rest is.
        found.asked = before.asked | ask(before.failing)
        if not found.unsettled:
            found.asked |= ask([number for number in found.asked if number not in before.failing])
        return found

    def patience(found: _Look) -> float:
        own = [question_of(probes[number]).timeout.total_seconds() for number in found.failing]
        return max(plan.verify.settle.total_seconds(), ENDPOINTS_SECONDS if found.wrong else 0.0, *own, 0.0)

    last, settled = look_until_settled(
        look,
        patience=patience,
        extension=plan.restore.ready_timeout.total_seconds() + target.retry_seconds,
        trouble=lambda: nodes_in_trouble(target, namespaces),
        returned_at=lambda: target.returned_at,
        say=say,
    )
    return Verification(
        objects=len(objects),
        volumes=len(volumes),
        bytes=sum(int(volume.get("bytes") or 0) for volume in volumes),
        readings=readings_of(volumes),
        different=[*last.resources.different, *differs, *last.wrong.values()],
        explained=[*last.resources.explained, *last.waiting],
        settled=settled,
        probes=list(last.asked.values()),
    )


def readings_of(volumes: Sequence[dict[str, Any]]) -> list[str]:
    """How many volumes were read again, and how: a part of the list for each way.

    :param volumes: what restoring each volume returned.
    """
    counted: Counter[str] = Counter()
    for volume in volumes:
        percent = int(volume.get("verify_percent", 100))
        if (volume.get("summary") or {}).get("differences") is None:
            counted["not read again"] += 1
        elif percent >= 100:
            counted["read again, all content and metadata"] += 1
        elif percent:
            counted[f"read again, metadata and {percent} % of the content"] += 1
        else:
            counted["compared by metadata alone"] += 1
    return [f"{count} volume{'s' if count > 1 else ''} {way}" for way, count in counted.items()]


def verify_volumes(volumes: Sequence[dict[str, Any]]) -> list[str]:
    """Volumes whose second reading differed from their snapshot."""
    found = []
    for volume in volumes:
        summary = volume.get("summary") or {}
        count = int(summary.get("differences") or 0)
        if count:
            found.append(f"volume {volume['namespace']}/{volume['claim']} has {count} differences")
    return found
