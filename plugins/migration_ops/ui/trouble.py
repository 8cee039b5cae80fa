"""What can't be reached, said on the page: what it is, what it said, what to do. Never a secret."""

from __future__ import annotations

import logging
from collections.abc import Collection

from airflow.sdk.exceptions import AirflowNotFoundException
from pydantic import BaseModel, ConfigDict, Field

from migration_ops.cluster.errors import ClusterError, ClusterUnreachable
from migration_ops.migration.errors import MigrationError
from migration_ops.ui.airflow_api import AirflowAwayError
from migration_ops.ui.shelf import StillReadingError
from migration_ops.vault import VaultError

log = logging.getLogger(__name__)

_LONGEST = 600
_SHORTEST_SECRET = 4
_LONG_SECONDS = 20


class Trouble(BaseModel):
    """A box on the page.

    :param reading: nothing is wrong, the answer only takes longer.
    :param silent: the place gives no answer, whatever it is asked.
    """

    model_config = ConfigDict(frozen=True)

    where: str
    message: str
    remedy: str = ""
    reading: bool = False
    silent: bool = Field(default=False, exclude=True)


def trouble(where: str, error: Exception, secrets: Collection[str] = ()) -> Trouble:
    """Turn an error into a box.

    Errors of our own name what is wrong; of others only their type is shown: nobody knows what they quote.

    :param where: what was asked.
    :param secrets: values that must not be shown, whoever quotes them.
    """
    if isinstance(error, StillReadingError) and error.seconds > _LONG_SECONDS:
        message = f"hasn't answered for {error.seconds:.0f} s, and is still being asked"
        remedy = "If that stays so, look whether the API server reaches it, and at its connection."
        return Trouble(where=where, message=message, remedy=remedy, reading=True)
    if isinstance(error, StillReadingError):
        remedy = "The page looks again by itself."
        return Trouble(
            where=where, message="is being read, which takes a moment", remedy=remedy, reading=True
        )
    if isinstance(error, AirflowNotFoundException):
        message = "this API server knows no such connection"
        remedy = (
            "Define the connection where the API server finds it too, or look from a machine that has it."
        )
        return Trouble(where=where, message=message, remedy=remedy)
    if isinstance(error, ClusterUnreachable):
        return Trouble(where=where, message=without(error.brief, secrets)[:_LONGEST], silent=True)
    if isinstance(error, (VaultError, MigrationError, ClusterError, AirflowAwayError)):
        return Trouble(where=where, message=without(str(error), secrets)[:_LONGEST])
    log.warning(
        "%s could not be asked for the page Migrations: %s", where, type(error).__name__, exc_info=error
    )
    return Trouble(
        where=where,
        message=f"can't be asked from the API server: {type(error).__name__}",
        remedy="The API server's log has the details.",
    )


def without(text: str, secrets: Collection[str]) -> str:
    """A text without some values."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "(secret)")
    return text
