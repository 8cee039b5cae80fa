"""Find and remove what a lab left: by its records, and by name where the records are lost."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from tests.lab import network, node
from tests.lab.cgroups import groups_like, kill_group, make_group, pids_in, remove_group
from tests.lab.instance import DATA_ROOT, PREFIX, RUN_ROOT, Instance, load_instance
from tests.lab.tools import output_of


def leftovers(name: str) -> list[str]:
    """Return what of a lab is on this machine: processes, control groups, interfaces, mounts and folders."""
    group = f"{PREFIX}-{name}"
    found = [f"process {pid}: {_title(pid)}" for pid in sorted(pids_in(group) | _pids_by_name(name))]
    found += [f"control group {group}" for known in groups_like(group) if known == group]
    found += [f"interface {known}" for known in network.lab_interfaces(group)]
    found += [f"mount {where}" for where in _mounts(name)]
    found += [f"folder {root / name}" for root in (RUN_ROOT, DATA_ROOT) if (root / name).exists()]
    return found


def remove_instance(name: str) -> int:
    """Kill and remove everything of a lab but its logs; return how many processes were killed.

    Namespaces vanish with their last process, and mounts and wires with them.
    """
    group = f"{PREFIX}-{name}"
    instance = load_instance(name)
    for pid in _pids_by_name(name) - pids_in(group):
        with suppress(OSError):
            _move_into(pid, group)
    killed = kill_group(group)
    remove_group(group)
    for where in reversed(_mounts(name)):
        output_of(["umount", "--lazy", where])
    for interface in network.lab_interfaces(group):
        network.remove_interface(interface)
    if instance:
        _give_up_mount_points(instance)
    for root in (DATA_ROOT, RUN_ROOT):
        if (root / name).exists():
            shutil.rmtree(root / name)
    return killed


def lab_names() -> list[str]:
    """Return the names of all labs that left a trace on this machine."""
    names = {group.removeprefix(f"{PREFIX}-") for group in groups_like(f"{PREFIX}-")}
    for root in (RUN_ROOT, DATA_ROOT):
        if root.is_dir():
            names |= {entry.name for entry in root.iterdir() if entry.is_dir()}
    return sorted(names)


def _give_up_mount_points(instance: Instance) -> None:
    """Remove the mount points that the lab made, or leave that to another lab that uses them.

    Removing a folder unmounts what another mount namespace has mounted on it.
    """
    for path in RUN_ROOT.glob("*/instance.json"):
        other = load_instance(path.parent.name)
        if other and other.name != instance.name:
            other.add_made_folders(instance.made_folders)
            return
    node.remove_mount_points(instance.made_folders)


def _move_into(pid: int, group: str) -> None:
    for folder in make_group(group):
        (folder / "cgroup.procs").write_text(str(pid), encoding="ascii")


def _pids_by_name(name: str) -> set[int]:
    """Return processes whose command line names one of the lab's folders: servers, shims, Ceph's tools."""
    found = set()
    marks = [f"{root / name}/".encode() for root in (RUN_ROOT, DATA_ROOT)]
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                words = (entry / "cmdline").read_bytes()
                # A script's name is the second word, after its interpreter.
                names = {Path(word.decode(errors="replace")).name for word in words.split(b"\0")[:2]}
                if names & LAB_PROGRAMS and any(mark in words for mark in marks):
                    found.add(int(entry.name))
    return found


LAB_PROGRAMS = {
    *("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"),
    *("containerd", "containerd-shim-runc-v2", "ceph-mon", "ceph-osd", "radosgw"),
    *("ceph", "radosgw-admin"),
}


def _mounts(name: str) -> list[str]:
    """Return mounts of the machine's own namespace below the lab's folders."""
    lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    roots = [f"{root / name}/" for root in (RUN_ROOT, DATA_ROOT)]
    return [where for line in lines if any((where := line.split()[1]).startswith(root) for root in roots)]


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:120]
    except OSError:
        return "gone"
