"""What a mover shall do: the input of `build_job`, free of Kubernetes' own shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from migration_ops.mover.names import digest, mover_name

SecurityLevel = Literal["privileged", "baseline"]


@dataclass(frozen=True)
class Credentials:
    """What a mover needs to open the vault; reaches it through a Secret of its own and nowhere else.

    :param environment: variables such as RESTIC_PASSWORD.
    :param ca_certificate: PEM of the authority that signed the vault's endpoint, if it is a private one.
    """

    environment: Mapping[str, str] = field(repr=False)
    ca_certificate: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class MoverSpec:
    """One mover.

    :param plan: the plan's name.
    :param run: the run as a label value, see `names.run_key`.
    :param action: what it does, in a word: `backup`, `restore`, `probe`, ...
    :param namespace: where it runs, which is where its claim is.
    :param command: arguments of `migration-ops vault`, without repository and output options.
    :param image: the mover image.
    :param claim: the claim that is mounted at `mount_path`; none for a probe.
    :param writable: whether the claim is mounted for writing.
    :param takes_over: whether it may write to a claim that the plan didn't make, whose content is gone then.
    :param node: the node that must run it, because the claim is mounted there and can't be elsewhere.
    :param block: whether the claim is a block device instead of a file system.
    :param security_level: the namespace's pod security level.
    :param requests: resources that it asks for.
    :param limits: resources that it may use at most.
    :param timeout_seconds: Kubernetes ends it after that.
    """

    plan: str
    run: str
    action: str
    namespace: str
    command: tuple[str, ...]
    image: str
    claim: str | None = None
    writable: bool = False
    takes_over: bool = False
    node: str | None = None
    block: bool = False
    security_level: SecurityLevel = "privileged"
    requests: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)
    timeout_seconds: int = 86_400

    @property
    def name(self) -> str:
        """The Job's name, and its Secret's."""
        return mover_name(self.plan, self.run, self.action, self.namespace, self.claim)

    @property
    def item(self) -> str:
        """The volume in one word, for logs and state: `namespace/claim`."""
        return f"{self.namespace}/{self.claim}" if self.claim else self.namespace

    @property
    def fingerprint(self) -> str:
        """Tells a Job that does the same work from one that doesn't; where it runs makes no difference."""
        return digest(*self.command, self.image, str(self.writable), str(self.block), length=16)


def mount_path(namespace: str, claim: str) -> str:
    """Where a claim's file system is mounted, in both clusters.

    The path differs for each volume, since snapshots are grouped by host and path.
    """
    return f"/volumes/{namespace}/{claim}"
