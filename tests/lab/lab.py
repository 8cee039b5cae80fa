"""The lab: two clusters and an S3 server, brought up, healed, and taken down.

Any process may attach to a lab that runs: everything that one must know is in files.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.bringup import Wanted, bring_up
from tests.lab.cache import cache_root, file_lock
from tests.lab.cluster import LabCluster
from tests.lab.errors import LabError, PreflightError
from tests.lab.instance import LOG_ROOT, RUN_ROOT, Instance, check_name, load_instance
from tests.lab.kubernetes_build import cache_key
from tests.lab.leftovers import remove_instance
from tests.lab.mover_image import mover_image
from tests.lab.preflight import preflight
from tests.lab.progress import Progress
from tests.lab.recipes import build_recipe
from tests.lab.s3 import LabS3

CLUSTERS = ("source", "target")


@dataclass(frozen=True)
class PartStatus:
    """One server of the lab.

    :param pid: None if it doesn't run.
    """

    name: str
    pid: int | None
    log: Path


class Lab:
    """A lab on this machine, running or not; making this object changes nothing.

    :param name: ``main`` is the one that people and tests share.
    """

    def __init__(self, name: str = "main") -> None:
        self.name = check_name(name)

    @classmethod
    def up(
        cls,
        name: str = "main",
        *,
        clusters: Sequence[str] = CLUSTERS,
        with_s3: bool = True,
        with_mover: bool = True,
        images: Mapping[str, Path] | None = None,
        say: Callable[[str], None] | None = None,
    ) -> Lab:
        """Bring the lab up, or make whole what is there, and return it.

        Harmless if it runs; two processes that call it at once wait for each other. The first time on a
        machine installs packages and builds Kubernetes.

        :param clusters: which clusters to start.
        :param with_s3: whether to start the S3 server.
        :param with_mover: whether to import the mover's image, as of the checkout's present code.
        :param images: name -> recipe folder of images to build meanwhile, for a later ``build_image``.
        :param say: takes lines of progress; prints them if missing.
        :raises PreflightError: this machine can't run it; nothing was changed.
        :raises LabError: something failed to start; the message names its log.
        """
        missing = preflight()
        if missing:
            raise PreflightError(missing)
        lab = cls(name)
        with Progress(say) as progress, file_lock(lab._lock):
            bring_up(name, Wanted(clusters, images or {}, s3=with_s3, mover=with_mover), progress, lab.logs)
        return lab

    @property
    def _lock(self) -> Path:
        return RUN_ROOT / f".{self.name}.lock"

    @property
    def instance(self) -> Instance:
        """The lab's record.

        :raises LabError: it isn't up.
        """
        found = load_instance(self.name)
        if found is None:
            raise LabError(f"lab {self.name!r} isn't up: run `python -m tests.lab up`")
        return found

    @property
    def host_address(self) -> str:
        """The address of this machine that pods of both clusters and local processes reach."""
        return self.instance.host_address

    @property
    def source(self) -> LabCluster:
        """The old cluster that applications leave."""
        return self.cluster("source")

    @property
    def target(self) -> LabCluster:
        """The modern cluster that they move to."""
        return self.cluster("target")

    def cluster(self, name: str) -> LabCluster:
        """Return a cluster by its name."""
        return LabCluster(self.instance, name, cache_root() / "kubernetes" / cache_key())

    @property
    def s3(self) -> LabS3:
        """The S3 server."""
        return LabS3(self.instance)

    @property
    def logs(self) -> Path:
        """The folder of all logs; it stays when the lab is taken down."""
        return LOG_ROOT / self.name

    def build_image(self, folder: Path, name: str, *, say: Callable[[str], None] | None = None) -> Path:
        """Build the image of a recipe folder (see ``recipes``) and return what ``import_image`` takes.

        :param name: the image's full name, such as ``docker.io/local/web:1``.
        """
        with Progress(say) as progress:
            return build_recipe(folder, name, progress, self.logs / "images.log")

    def build_mover(self, *, say: Callable[[str], None] | None = None) -> Path:
        """Build the mover's image of the checkout's present code and return what ``import_image`` takes."""
        with Progress(say) as progress:
            return mover_image(progress, self.logs / "images.log")

    def status(self) -> list[PartStatus]:
        """Return every server that the lab has or had."""
        if load_instance(self.name) is None:
            return []
        daemons = [*self.s3.daemons.values()]
        for name in CLUSTERS:
            daemons += self.cluster(name).daemons.values()
        return [PartStatus(each.name, each.pid, each.log) for each in daemons if each.log.exists()]

    def down(self, *, keep_logs: bool = True, say: Callable[[str], None] | None = None) -> None:
        """Stop and remove everything of this lab, whatever state it is in."""
        with Progress(say) as progress, file_lock(self._lock):
            with progress.step(f"taking lab {self.name!r} down"):
                killed = remove_instance(self.name)
            progress.say(f"{killed} processes ended; logs: {self.logs if keep_logs else 'removed'}")
        if not keep_logs:
            shutil.rmtree(self.logs, ignore_errors=True)
            self._lock.unlink(missing_ok=True)
