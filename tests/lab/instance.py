"""One lab on this machine: its name, folders, addresses and ports.

The lab that everybody shares is called ``main``; tests of the lab itself make small ones beside it. Each lab
takes a slot, a /16 network that nothing on this machine uses, and keeps it until it is taken down.
"""

from __future__ import annotations

import ipaddress
import json
import re
import socket
import uuid
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.lab.cache import file_lock
from tests.lab.errors import LabError
from tests.lab.tools import output_of

PREFIX = "mol"  # of every interface, cgroup and process title: short, since interface names end at 15 letters
RUN_ROOT = Path("/run/migration-ops-lab")
DATA_ROOT = Path("/var/lib/migration-ops-lab")
LOG_ROOT = Path("/var/log/migration-ops-lab")
SLOTS = range(40)
PORTS = ("source-etcd", "source-etcd-peer", "target-etcd", "target-etcd-peer", "ceph-mon")


def boot_id() -> str:
    """Return the kernel's name for the time since the machine started."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


@dataclass
class Instance:
    """A lab's name and what follows from it.

    :param slot: which /16 network it lives in.
    :param boot: the machine's boot that it belongs to; after a reboot nothing of it runs any more.
    :param ports: loopback ports of the servers that pods needn't reach.
    :param made_folders: empty folders made as mount points, to be removed at the end.
    """

    name: str
    slot: int
    boot: str
    ports: dict[str, int]
    made_folders: list[str] = field(default_factory=list)

    @property
    def run(self) -> Path:
        """Sockets, pid files, kubeconfigs and credentials."""
        return RUN_ROOT / self.name

    @property
    def data(self) -> Path:
        """Databases, images and volumes."""
        return DATA_ROOT / self.name

    @property
    def logs(self) -> Path:
        """Log files; they stay when the lab is taken down."""
        return LOG_ROOT / self.name

    @property
    def cgroup(self) -> str:
        """The control group that holds every process of the lab."""
        return f"{PREFIX}-{self.name}"

    def address(self, third: int, fourth: int) -> str:
        """Return an address of the lab's network."""
        return f"10.{210 + self.slot}.{third}.{fourth}"

    @property
    def host_address(self) -> str:
        """The address of this machine that pods of both clusters reach."""
        return self.address(0, 1)

    @property
    def bridge(self) -> str:
        """The interface that carries the host address."""
        return f"{PREFIX}{self.slot}"

    def save(self) -> None:
        """Write the record, whole or not at all."""
        self.run.mkdir(parents=True, exist_ok=True)
        half = self.run / f".instance.{uuid.uuid4().hex}.half"
        half.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
        half.rename(self.run / "instance.json")

    def add_made_folders(self, folders: Iterable[str]) -> None:
        """Record mount points to be removed at the end, beside what other processes recorded meanwhile."""
        with file_lock(RUN_ROOT / ".records.lock"):
            recorded = load_instance(self.name)
            known = recorded.made_folders if recorded else []
            self.made_folders = list(dict.fromkeys([*known, *self.made_folders, *folders]))
            self.save()


def check_name(name: str) -> str:
    """Return the name of a lab if it can be one.

    :raises LabError: it can't be part of a control group's or folder's name.
    """
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,20}", name):
        raise LabError(
            f"lab name {name!r}: use a small letter, then up to 20 small letters, digits or hyphens"
        )
    return name


def load_instance(name: str) -> Instance | None:
    """Return the record of a lab that was started and not yet taken down; a damaged one counts as lost."""
    try:
        return Instance(
            **json.loads((RUN_ROOT / check_name(name) / "instance.json").read_text(encoding="utf-8"))
        )
    except (FileNotFoundError, ValueError, TypeError):
        return None


def make_instance(name: str) -> Instance:
    """Reserve a free network and free ports for a new lab, and record them."""
    check_name(name)
    RUN_ROOT.mkdir(mode=0o755, parents=True, exist_ok=True)
    with file_lock(RUN_ROOT / ".slots.lock"):
        reserved = {
            found.slot
            for path in RUN_ROOT.glob("*/instance.json")
            if (found := load_instance(path.parent.name))
        }
        instance = Instance(name=name, slot=_free_slot(reserved), boot=boot_id(), ports=_free_ports())
        instance.save()
    return instance


def _free_slot(reserved: set[int]) -> int:
    used = [
        ipaddress.ip_network(route["dst"])
        for route in json.loads(output_of(["ip", "-j", "-4", "route", "show"]))
        if route["dst"] != "default"
    ]
    for slot in SLOTS:
        network = ipaddress.ip_network(f"10.{210 + slot}.0.0/16")
        if slot not in reserved and not any(network.overlaps(other) for other in used):
            return slot
    raise LabError("every network from 10.210.0.0/16 to 10.249.0.0/16 is in use: take another lab down first")


def _free_ports() -> dict[str, int]:
    with ExitStack() as stack:
        ports = {}
        for purpose in PORTS:
            probe = stack.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            ports[purpose] = probe.getsockname()[1]
    return ports
