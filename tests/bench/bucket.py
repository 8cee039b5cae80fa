"""A bucket of a benchmark on the lab's S3 server."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Collection, Iterator

import obstore
from obstore.store import S3Store

from tests.lab import Lab


class Bucket:
    """A bucket, with a repository per program as a prefix."""

    def __init__(self, name: str, lab: Lab) -> None:
        self._name = name
        self._endpoint = lab.s3.endpoint
        self.environment = {
            "AWS_ACCESS_KEY_ID": lab.s3.access_key,
            "AWS_SECRET_ACCESS_KEY": lab.s3.secret_key,
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        self._store = S3Store(
            name,
            endpoint=self._endpoint,
            region="us-east-1",
            client_options={"allow_http": True},
            access_key_id=lab.s3.access_key,
            secret_access_key=lab.s3.secret_key,
        )

    def location(self, program: str) -> str:
        """A program's repository, as restic names it."""
        return f"s3:{self._endpoint}/{self._name}/{program}"

    def keys(self, program: str) -> dict[str, int]:
        """What a program stored, with its bytes."""
        pages = obstore.list(self._store, prefix=program)
        return {entry["path"]: entry["size"] for page in pages for entry in page}

    def remove(self, program: str, keep: Collection[str]) -> None:
        """Delete what a program stored, but for some keys."""
        paths = [path for path in self.keys(program) if path not in keep]
        if paths:
            obstore.delete(self._store, paths)


@contextlib.contextmanager
def lab_bucket() -> Iterator[Bucket]:
    """A new bucket on the lab ``main``, given back at the end.

    :raises SystemExit: if the lab's S3 server does not answer, with the command that starts it.
    """
    lab = Lab()
    if not lab.s3.answers():
        raise SystemExit("the lab's S3 server does not answer: start it with `python -m tests.lab up`")
    name = f"bench-{uuid.uuid4().hex[:10]}"
    lab.s3.make_bucket(name)
    try:
        yield Bucket(name, lab)
    finally:
        lab.s3.remove_bucket(name)
