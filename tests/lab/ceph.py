"""Ceph's servers behind the lab's S3: one monitor, one storage daemon in memory, one gateway; no manager.

Authentication inside Ceph is off and its servers listen on loopback; only the gateway is on the lab's
address.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from textwrap import dedent

from tests.lab.instance import Instance
from tests.lab.layout import write_file
from tests.lab.tools import output_of

HTTP_PORT, HTTPS_PORT = 7480, 7443
MEMORY_BYTES = 8 << 30  # what the store may hold; memory is only taken by what it does hold
USER = "lab"
FSID = "6b5a0a6e-6c1c-4a5e-9d2e-6d696772617a"


class Ceph:
    """Folders, configuration and command lines of one lab's Ceph."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.data = instance.data / "s3"
        self.run = instance.run / "s3"
        self.logs = instance.logs / "s3"
        self.config = self.run / "ceph.conf"

    @property
    def monitor_address(self) -> str:
        """Where the monitor listens."""
        return f"127.0.0.1:{self.instance.ports['ceph-mon']}"

    def configure(self) -> None:
        """Write ceph.conf."""
        for folder in (self.data, self.run, self.logs):
            folder.mkdir(parents=True, exist_ok=True)
        address = self.instance.host_address
        pki = self.data / "pki"
        plain = f"endpoint={address}:{HTTP_PORT}"
        secure = f"ssl_endpoint={address}:{HTTPS_PORT} ssl_certificate={pki / 'server.crt'}"
        text = f"""\
            [global]
            fsid = {FSID}
            mon initial members = a
            mon host = [v2:{self.monitor_address}/0]
            auth cluster required = none
            auth service required = none
            auth client required = none
            run dir = {self.run}
            admin socket = {self.run}/$cluster-$name.asok
            pid file =
            log file = {self.logs}/$name.log
            crash dir = {self.logs}
            mon allow pool size one = true
            mon allow pool delete = true
            mon warn on pool no redundancy = false
            osd pool default size = 1
            osd pool default min size = 1
            osd pool default pg num = 4
            osd pool default pgp num = 4
            osd pool default pg autoscale mode = off
            osd crush chooseleaf type = 0
            mon max pg per osd = 1000
            paxos propose interval = 0.05
            mon osd reporter subtree level = osd
            [mon.a]
            mon data = {self.data}/mon
            mon cluster log file = {self.logs}/cluster.log
            [osd.0]
            public addr = 127.0.0.1
            osd data = {self.data}/osd
            osd objectstore = memstore
            memstore device bytes = {MEMORY_BYTES}
            osd heartbeat grace = 60
            [client.rgw]
            # Without `tcp_nodelay` every small answer waits 40 ms for an acknowledgement.
            rgw frontends = beast {plain} {secure} ssl_private_key={pki / "server.key"} tcp_nodelay=1
            ms mon client mode = crc secure
            rgw enable usage log = false
            rgw thread pool size = 64
            rgw max concurrent requests = 256
            rgw relaxed s3 bucket names = false
            # What is deleted lies in memory until it is collected; the default is two hours.
            rgw gc obj min wait = 60
            rgw gc processor period = 60
            """
        write_file(self.config, dedent(text))

    def run_tool(self, *command: str, timeout_seconds: float = 60) -> str:
        """Run one of Ceph's tools to the end, ours or its own, and return what it prints.

        :raises LabError: it failed, or hangs.
        """
        ends_with_us = ("setpriv", "--pdeathsig", "KILL")
        return output_of(
            [*ends_with_us, command[0], "--conf", str(self.config), *command[1:]],
            timeout_seconds=timeout_seconds,
        )

    def monitor_command(self) -> list[str]:
        """Return the monitor's command, after making its store where it is missing."""
        store: Path = self.data / "mon"
        if not (store / "made").exists():
            if store.exists():
                shutil.rmtree(store)
            store.mkdir(parents=True)
            self.run_tool("ceph-mon", "--id", "a", "--mkfs", "--fsid", FSID)
            (store / "made").touch()
        return ["ceph-mon", "--conf", str(self.config), "--foreground", "--id", "a"]

    def storage_command(self) -> list[str]:
        """Return the storage daemon's command, after making its store where it is missing."""
        store: Path = self.data / "osd"
        if not (store / "made").exists():
            if store.exists():
                shutil.rmtree(store)
            store.mkdir(parents=True)
            self.run_tool("ceph", "osd", "create")
            self.run_tool("ceph-osd", "--id", "0", "--mkfs")
            (store / "made").touch()
        return ["ceph-osd", "--conf", str(self.config), "--foreground", "--id", "0"]

    def gateway_command(self) -> list[str]:
        """Return the S3 gateway's command."""
        return ["radosgw", "--conf", str(self.config), "--foreground", "--name", "client.rgw"]

    def make_user(self, access_key: str, secret_key: str) -> None:
        """Make the S3 user, unless it is there."""
        keys = (f"--access-key={access_key}", f"--secret={secret_key}")
        options = ("--name", "client.rgw", f"--uid={USER}", "--display-name=lab", *keys)
        self.run_tool("radosgw-admin", "user", "create", *options)
