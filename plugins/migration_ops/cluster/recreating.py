"""Makes an object anew in place of another one, so that neither is lost when the target refuses it.

A refused object is found before the old one is deleted: the server judges it under a name of its own. What
is refused all the same (a webhook may change its mind) is followed by putting the old one back. What the old
one was is written down in the cluster before it is deleted, for the case that this process is killed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import tenacity

from migration_ops.cluster.connection import Cluster
from migration_ops.cluster.deletion import delete_and_wait
from migration_ops.cluster.errors import AlreadyExists, ApiError, ClusterUnreachable
from migration_ops.cluster.former_notes import FormerNotes
from migration_ops.cluster.kinds import ApiResource
from migration_ops.cluster.reference import Manifest, ObjectReference, copy_of
from migration_ops.cluster.refusals import worth_waiting

TOO_LARGE = (
    "what is there is too large to be remembered on the object, so it could not be put back; it is left as "
    "it is: change it by hand, or give its kind the policy `skip`"
)

# What the server says about the stand-in only because the old object is still there, or of the name itself.
_OWED_TO_THE_OLD_ONE = ("already ", "exceeded quota", "metadata.name", "dry run", "dryRun")


def stand_in_name(reference: ObjectReference) -> str:
    """Return a name under which the server can judge an object without meeting one that is there.

    :param reference: the object.
    """
    digest = hashlib.sha256(str(reference).encode()).hexdigest()[:10]  # keeps it short
    return f"{reference.name[:40].rstrip('-.')}-{digest}"


def try_out(manifest: Manifest, send: Callable[[Manifest], object]) -> None:
    """Let the server judge an object whose name is still taken.

    :param manifest: what will be made.
    :param send: sends a dry run.
    :raises ApiError: when the object would be refused.
    """
    trial = copy_of(manifest)
    trial["metadata"]["name"] = stand_in_name(ObjectReference.of(manifest))
    try:
        send(trial)
    except ApiError as error:
        if not any(phrase in str(error) for phrase in _OWED_TO_THE_OLD_ONE):
            raise


def make(cluster: Cluster, resource: ApiResource, manifest: Manifest, *, dry_run: bool = False) -> None:
    """POST an object.

    :param cluster: the target.
    :param resource: the object's kind.
    :param manifest: the object.
    :param dry_run: only let the server judge it.
    :raises ApiError: when it is refused.
    """
    reference = ObjectReference.of(manifest)
    query: dict[str, str | int | bool] = {"dryRun": "All"} if dry_run else {}
    path = resource.path(reference.namespace)
    cluster.request("POST", path, body=manifest, query=query, what=f"put {reference} back")


def make_patiently(cluster: Cluster, resource: ApiResource, manifest: Manifest, seconds: float) -> None:
    """POST an object, again and again while the target is not ready for it.

    :param cluster: the target.
    :param resource: the object's kind.
    :param manifest: the object.
    :param seconds: for how long.
    :raises ApiError: when it is refused for good.
    """
    tenacity.Retrying(
        retry=tenacity.retry_if_exception(_passes),
        wait=tenacity.wait_random_exponential(multiplier=0.3, max=5),
        stop=tenacity.stop_after_delay(seconds),
        reraise=True,
    )(make, cluster, resource, manifest)


def _passes(error: BaseException) -> bool:
    return worth_waiting(error) and not isinstance(error, AlreadyExists)


@dataclass
class Recreation:
    """One object that is deleted to be made anew.

    :param former: what it was; there as soon as its deletion was asked for.
    """

    cluster: Cluster
    resource: ApiResource
    reference: ObjectReference
    patience_seconds: float
    notes: FormerNotes
    former: Manifest | None = None

    def delete(self, current: Manifest, former: Manifest) -> None:
        """Write down what is there, then delete it.

        :param current: as it is.
        :param former: to be put back if need be; the first one counts.
        :raises ApiError: when it stays.
        """
        if self.former is None:
            self.notes.write(self.reference, former, current["metadata"]["uid"])
        self.former = self.former or former
        delete_and_wait(
            self.cluster,
            self.resource,
            self.reference,
            uid=current["metadata"]["uid"],
            timeout_seconds=self.patience_seconds,
        )

    def give_up(self) -> str:
        """Put back what was deleted, and return what became of it as the end of a message."""
        if self.former is None:
            return ""
        try:
            make_patiently(self.cluster, self.resource, self.former, self.patience_seconds)
        except AlreadyExists:
            return "; what was there was not deleted, or somebody made it again"
        except (ApiError, ClusterUnreachable) as error:
            return (
                f"; what was there is deleted and could not be put back: {error}; a rollback of the run "
                f"tries again, from its note {self.notes.get(self.reference)}"
            )
        self.notes.remove(self.reference)
        return "; what was there is put back"
