"""What controllers made: it stays, since its owner comes along and its controller makes it again.

Where the owner does not come along, nobody would make the object in the target: then it is taken itself. Not
what Kubernetes' own controllers make, such as a node's static pods: those are there where their owner is.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from migration_ops.cluster.exclusions import made_by_controller, reason_to_leave
from migration_ops.cluster.kinds import ApiResource, Discovery
from migration_ops.cluster.reference import Manifest, ObjectReference, controller_of, split_api_version
from migration_ops.cluster.versions import is_built_in

Identity = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Owner:
    """The controller of an object.

    :param resource: what serves it.
    :param identity: which it is.
    """

    resource: ApiResource
    identity: Identity


@dataclass
class Owned:
    """Objects of a capture that controllers made.

    :param made: the objects by identity; of what built-in controllers make, only its metadata.
    :param chosen: those that the selection chooses.
    """

    made: dict[Identity, Manifest] = field(default_factory=dict)
    chosen: list[Identity] = field(default_factory=list)

    def add(self, manifest: Manifest, *, chosen: bool) -> None:
        """Note an object.

        :param manifest: an object with a controller.
        :param chosen: whether the selection chooses it.
        """
        identity = ObjectReference.of(manifest).identity
        if self.may_come_alone(manifest):
            self.made[identity] = manifest
        else:  # thousands of pods and replica sets: no more than is needed to find their owner
            self.made[identity] = {key: manifest[key] for key in ("apiVersion", "kind", "metadata")}
        if chosen:
            self.chosen.append(identity)

    def owner_of(self, identity: Identity, served: Discovery) -> Owner | None:
        """Return the controller of an object, or ``None`` when its kind is not served.

        :param identity: of an object in ``made``.
        :param served: what the cluster serves.
        """
        owner = controller_of(self.made[identity])
        if owner is None:
            return None
        group, _ = split_api_version(owner["apiVersion"])
        resource = served.find(group, owner["kind"])
        if resource is None:
            return None
        namespace = identity[2] if resource.namespaced else ""
        return Owner(resource, (group, owner["kind"], namespace, owner["name"]))

    def may_come_alone(self, manifest: Manifest) -> bool:
        """Tell whether an object is of use in the target without its owner.

        :param manifest: an object with a controller.
        """
        owner = controller_of(manifest)
        if owner is None or reason_to_leave(manifest, whoever_owns_it=True) is not None:
            return False
        group, _ = split_api_version(owner["apiVersion"])
        return not is_built_in(group)

    def left(self, chosen: dict[Identity, str]) -> list[tuple[str, str]]:
        """Return (object, reason) of those that stay.

        :param chosen: what is in the set.
        """
        return [
            (str(ObjectReference.of(manifest)), reason_of_owned(manifest))
            for identity, manifest in self.made.items()
            if identity not in chosen
        ]


def reason_of_owned(manifest: Manifest) -> str:
    """Return who made an object, in words.

    :param manifest: an object with a controller.
    """
    return made_by_controller(manifest) or "made by a controller"
