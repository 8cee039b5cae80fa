"""Requests to the Container Service API: signed by the SDK, repeated while that can help, errors in words."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import tenacity

from migration_ops.alibaba.access import Access
from migration_ops.alibaba.errors import (
    AccessRefusedError,
    AlibabaError,
    ClusterMissingError,
    ServiceBusyError,
)

if TYPE_CHECKING:
    from alibabacloud_cs20151215.client import Client

_REFUSED = (
    "SignatureDoesNotMatch",
    "InvalidAccessKeyId",
    "InvalidSecurityToken",
    "Forbidden",
    "StatusForbidden",
)
_CONNECT_SECONDS, _READ_SECONDS = 5.0, 20.0
_HURRIED_CONNECT_SECONDS, _HURRIED_READ_SECONDS, _HURRIED_RETRY_SECONDS = 3.0, 5.0, 3.0


class ContainerService:
    """The API, as one access key sees it.

    :param access: the key.
    :param retry_seconds: how long a request is repeated while the service throttles, fails or is away.
    :param connect_seconds: how long one attempt waits for the connection.
    :param read_seconds: how long it waits for the answer.
    """

    def __init__(
        self,
        access: Access,
        *,
        retry_seconds: float = 120.0,
        connect_seconds: float = _CONNECT_SECONDS,
        read_seconds: float = _READ_SECONDS,
    ) -> None:
        self.access = access
        self.retry_seconds = retry_seconds
        self.connect_seconds = connect_seconds
        self.read_seconds = read_seconds

    def hurried(self) -> ContainerService:
        """The same API, for whoever can do without an answer: a request ends after some ten seconds."""
        return ContainerService(
            self.access,
            retry_seconds=min(self.retry_seconds, _HURRIED_RETRY_SECONDS),
            connect_seconds=_HURRIED_CONNECT_SECONDS,
            read_seconds=_HURRIED_READ_SECONDS,
        )

    def call(self, operation: str, *arguments: Any, what: str, **fields: Any) -> dict[str, Any]:
        """Call an operation and return its answer's body.

        All operations that this package uses may be repeated: those that make something carry a token.

        :param operation: its name in the SDK, without ``_with_options``.
        :param arguments: what comes before the request's fields (identifiers in the path).
        :param what: the call in words, for messages.
        :param fields: of the request, named as the API names them.
        :raises AccessRefusedError: when key or policy don't allow it.
        :raises ClusterMissingError: when there is no such cluster.
        :raises ServiceBusyError: when there was no good answer in time.
        :raises AlibabaError: when the API refuses for another reason.
        """
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(ServiceBusyError),
            wait=tenacity.wait_random_exponential(multiplier=0.3, max=10),
            # No attempt begins later than that.
            stop=tenacity.stop_before_delay(self.retry_seconds),
            reraise=True,
        )
        return retrying(self._once, operation, arguments, fields, f"{what} in {self.access.region}")

    def _once(
        self, operation: str, arguments: tuple[Any, ...], fields: dict[str, Any], what: str
    ) -> dict[str, Any]:
        from alibabacloud_cs20151215 import models
        from darabonba.runtime import RuntimeOptions

        runtime = RuntimeOptions(
            connect_timeout=int(self.connect_seconds * 1000),
            read_timeout=int(self.read_seconds * 1000),
            autoretry=False,
        )
        if name := _REQUESTS.get(operation):
            request = getattr(models, name)().from_map(fields)
            for attribute, value in list(vars(request).items()):
                if value == [] and attribute not in fields:
                    setattr(request, attribute, None)  # the SDK would send an empty list for what nobody gave
            arguments = (*arguments, request)
        separator = "" if operation[-1].isdigit() else "_"  # as the SDK's generator writes it
        function = getattr(self._client, f"{operation}{separator}with_options")
        try:
            answer = function(*arguments, {}, runtime)
        except Exception as error:  # noqa: BLE001 - the SDK lets the errors of several libraries through
            raise _in_words(error, what) from _without_secrets(error)
        body = answer.body
        found: dict[str, Any] = body if isinstance(body, dict) else body.to_map()
        return found

    @cached_property
    def _client(self) -> Client:
        from alibabacloud_cs20151215.client import Client
        from alibabacloud_tea_openapi.utils_models import Config

        return Client(
            Config(
                access_key_id=self.access.key_id,
                access_key_secret=self.access.key_secret,
                security_token=self.access.security_token or None,
                region_id=self.access.region,
                endpoint=self.access.host,
                protocol=self.access.protocol,
                user_agent="migration-ops",
            )
        )


_REQUESTS = {
    "create_cluster": "CreateClusterRequest",
    "describe_clusters_v1": "DescribeClustersV1Request",
    "describe_external_agent": "DescribeExternalAgentRequest",
    "describe_cluster_user_kubeconfig": "DescribeClusterUserKubeconfigRequest",
    "describe_cluster_node_pools": "DescribeClusterNodePoolsRequest",
}
"""The operations that take fields, with their model in the SDK."""


def _in_words(error: Exception, what: str) -> AlibabaError:
    """Say what went wrong; the SDK's own classes tell a refusal from a passing trouble by status and code."""
    code = str(getattr(error, "code", "") or "")
    status = int(getattr(error, "status_code", None) or 0)
    request_id = str(getattr(error, "request_id", "") or "")
    told = str(getattr(error, "message", "") or error)
    details = f"{what}: {code or type(error).__name__}: {told[:400]}" + (
        f" (RequestId {request_id})" if request_id and request_id not in told else ""
    )
    known = {"code": code, "request_id": request_id}
    if not status:
        reason = details.removeprefix(f"{what}: ")
        message = (
            f"{what}: the API can't be reached; check the connection's region and endpoint, and that one may "
            f"go there from here: {reason}"
        )
        return ServiceBusyError(message, **known)
    if status == 429 or status >= 500 or "throttling" in code.lower():
        return ServiceBusyError(f"{details}; the service is busy, try again later", **known)
    if code.startswith(_REFUSED) or status in {401, 403}:
        return AccessRefusedError(
            f"{details}; check the access key of the connection and its RAM policy", **known
        )
    if "NotFound" in code or status == 404:
        return ClusterMissingError(f"{details}; check name, region and account", **known)
    return AlibabaError(details, **known)


def _without_secrets(error: Exception) -> Exception | None:
    """The cause is kept only where it can't carry the request, whose headers hold a temporary key's token."""
    return error if isinstance(error, OSError) else None
