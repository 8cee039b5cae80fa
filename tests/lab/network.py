"""The lab's network: one bridge that carries the host address, and one wire to each node.

Everything hangs on interfaces that the lab made; routes and addresses vanish with them. Nothing is
forwarded to the outside, so the machine's own forwarding and firewall stay as they are.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from tests.lab.instance import PREFIX, Instance
from tests.lab.layout import Layout
from tests.lab.tools import output_of

NODE_WIRE = "eth0"
INTERFACE = re.compile(rf"{PREFIX}\d+[st]?")


def _ip(*arguments: str) -> None:
    output_of(["ip", *arguments])


def interface_exists(name: str) -> bool:
    """Tell whether the machine has this interface."""
    return Path("/sys/class/net", name).exists()


def make_host_address(instance: Instance) -> None:
    """Give the machine the address that pods of both clusters reach."""
    if interface_exists(instance.bridge) and _has_address(instance.bridge, instance.host_address):
        return
    remove_interface(instance.bridge)
    _ip("link", "add", instance.bridge, "type", "bridge")
    _ip("link", "set", instance.bridge, "alias", instance.cgroup)
    _ip("address", "add", f"{instance.host_address}/24", "dev", instance.bridge)
    _ip("link", "set", instance.bridge, "up")


def _has_address(interface: str, address: str) -> bool:
    shown = json.loads(output_of(["ip", "-j", "address", "show", "dev", interface]))
    return any(entry.get("local") == address for link in shown for entry in link.get("addr_info", []))


def connect_node(layout: Layout, holder: int) -> None:
    """Lay the wire between the machine and a node's network namespace, unless it is complete.

    :param holder: a process in the namespace. The wire vanishes with the namespace.
    """

    def in_node(*command: str) -> None:
        output_of(["nsenter", f"--net=/proc/{holder}/ns/net", *command])

    if not interface_exists(layout.wire) or not _has_address(layout.wire, layout.host_end):
        remove_interface(layout.wire)
        node_side = ("peer", "name", NODE_WIRE, "netns", str(holder))
        _ip("link", "add", layout.wire, "type", "veth", *node_side)
        _ip("link", "set", layout.wire, "alias", layout.instance.cgroup)
        in_node("ip", "link", "set", "lo", "up")
        in_node("ip", "address", "add", f"{layout.node_end}/30", "dev", NODE_WIRE)
        in_node("ip", "link", "set", NODE_WIRE, "up")
        in_node("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
        _ip("link", "set", layout.wire, "up")
        _ip("address", "add", f"{layout.host_end}/30", "dev", layout.wire)
    in_node("ip", "route", "replace", "default", "via", layout.host_end)
    _ip("route", "replace", layout.pod_subnet, "via", layout.node_end)


def remove_interface(name: str) -> None:
    """Remove an interface of the lab, if it is there."""
    subprocess.run(["ip", "link", "delete", name], capture_output=True, check=False)


def lab_interfaces(lab: str | None = None) -> list[str]:
    """Return the names of interfaces that labs made.

    :param lab: only those of the lab with this control group, which is written on each as its alias.
    """
    found = [entry for entry in Path("/sys/class/net").iterdir() if INTERFACE.fullmatch(entry.name)]
    return sorted(entry.name for entry in found if lab in {None, _alias(entry)})


def _alias(interface: Path) -> str:
    try:
        return (interface / "ifalias").read_text(encoding="utf-8").strip()
    except OSError:  # gone meanwhile
        return ""
