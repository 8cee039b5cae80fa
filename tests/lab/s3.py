"""The lab's S3 server: Ceph's gateway on the host address, plain and over TLS with its own authority."""

from __future__ import annotations

import json
import secrets
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.lab.ceph import HTTP_PORT, HTTPS_PORT, Ceph
from tests.lab.certificates import make_certificates
from tests.lab.daemons import Daemon
from tests.lab.instance import Instance
from tests.lab.layout import write_file


class LabS3:
    """The S3 server.

    :param instance: the lab it belongs to.
    """

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.ceph = Ceph(instance)
        self.daemons = {
            "monitor": self._daemon("monitor", self.ceph.monitor_command),
            "storage": self._daemon("storage", self.ceph.storage_command),
            "gateway": self._daemon("gateway", self.ceph.gateway_command),
        }
        self.daemons["gateway"].ready = self.answers

    @property
    def endpoint(self) -> str:
        """The address without TLS."""
        return f"http://{self.instance.host_address}:{HTTP_PORT}"

    @property
    def endpoint_tls(self) -> str:
        """The address with TLS; clients need ``ca_file``."""
        return f"https://{self.instance.host_address}:{HTTPS_PORT}"

    @property
    def ca_file(self) -> Path:
        """The certificate authority of ``endpoint_tls``."""
        return self.ceph.data / "pki/ca.crt"

    @cached_property
    def _keys(self) -> dict[str, str]:
        path = self.ceph.data / "keys.json"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            made = {"access": secrets.token_hex(10).upper(), "secret": secrets.token_hex(20)}
            write_file(path, json.dumps(made), mode=0o600)
        found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        return found

    @property
    def access_key(self) -> str:
        """The access key of a user who may make buckets."""
        return self._keys["access"]

    @property
    def secret_key(self) -> str:
        """The secret key that belongs to ``access_key``."""
        return self._keys["secret"]

    @property
    def _complete(self) -> Path:
        """Is there when the store has its user: a start that was killed before begins anew."""
        return self.ceph.data / "complete"

    def _daemon(self, part: str, command: Callable[[], list[str]]) -> Daemon:
        return Daemon(
            name=f"s3 {part}",
            command=command,
            log=self.ceph.logs / f"{part}.log",
            pid_file=self.ceph.run / f"{part}.pid",
            group=f"{self.instance.cgroup}/daemons",
        )

    def start_all(self) -> None:
        """Start what doesn't run and wait until S3 answers.

        The store lives in memory: if the storage daemon died, its content is gone and all is made anew.
        """
        make_certificates(self.ceph.data / "pki", "lab s3", [self.instance.host_address, "localhost"])
        if not (self.daemons["storage"].running and self._complete.exists()):
            self._start_afresh()
        self.start()

    def _start_afresh(self) -> None:
        self._complete.unlink(missing_ok=True)
        for daemon in self.daemons.values():
            daemon.stop(hard=True)
        for store in ("mon", "osd"):
            (self.ceph.data / store / "made").unlink(missing_ok=True)
        self.ceph.configure()
        self.daemons["monitor"].start()
        self.daemons["storage"].start()
        self.ceph.make_user(self.access_key, self.secret_key)
        self._complete.touch()

    def start(self) -> None:
        """Start the gateway unless it runs, and wait until it answers."""
        self.daemons["gateway"].start()
        self.daemons["gateway"].wait_ready()

    def stop(self, *, hard: bool = False) -> None:
        """Stop the gateway: S3 is gone for clients; what it stored stays.

        :param hard: kill it, as a crash would.
        """
        self.daemons["gateway"].stop(hard=hard)

    def answers(self) -> bool:
        """Tell whether both addresses answer."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        for address, trust in ((self.endpoint, None), (self.endpoint_tls, context)):
            try:
                with urllib.request.urlopen(address, timeout=2, context=trust):
                    pass
            except urllib.error.HTTPError as answer:
                answer.close()  # any HTTP answer is an answer
            except OSError:
                return False
        return True

    def make_bucket(self, name: str) -> None:
        """Make a bucket unless it is there."""
        with closing(self._client()) as client:
            client.create_bucket(Bucket=name)

    def remove_bucket(self, name: str) -> None:
        """Delete a bucket with all that is in it."""
        with closing(self._client()) as client:
            for page in client.get_paginator("list_objects_v2").paginate(Bucket=name):
                for item in page.get("Contents", ()):
                    client.delete_object(Bucket=name, Key=item["Key"])
            client.delete_bucket(Bucket=name)

    def _client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}),
        )
