"""Starts several movers at once.

To start one takes some requests after each other, and to give its order to one that stands by a command in
its container: a tenth of a second and more, which a downtime would spend for each volume.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from kubernetes import client

from migration_ops.mover import submission
from migration_ops.mover.spec import Credentials, MoverSpec

AT_ONCE = 4  # the client keeps five connections a processor


def submit_all(
    api_client: client.ApiClient, specs: Sequence[MoverSpec], credentials: Credentials
) -> dict[str, submission.Submission | Exception]:
    """Start movers or adopt them; one that is refused keeps none of the others from starting.

    :returns: by what each works on (`MoverSpec.item`), in the specs' order: the mover, or what `submit`
        raised.
    """

    def start(spec: MoverSpec) -> submission.Submission | Exception:
        try:
            return submission.submit(api_client, spec, credentials)
        except Exception as error:  # noqa: BLE001 - the caller knows which ones it can do without
            return error

    with ThreadPoolExecutor(AT_ONCE, "movers") as pool:
        return dict(zip((spec.item for spec in specs), pool.map(start, specs), strict=True))
