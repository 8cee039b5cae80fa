"""What goes wrong with Alibaba Cloud's API.

    AlibabaError
    ├── AccessRefusedError    key, signature or RAM policy
    ├── ClusterMissingError   no such cluster, or several of that name
    ├── ClusterFailedError    the cluster is in a state that it won't leave by itself
    └── ServiceBusyError      throttled, failing or unreachable for as long as we tried (retryable)

Each message names what was wanted, region, cluster, the API's own code and its RequestId, by which Alibaba's
support finds the request.
"""

from __future__ import annotations


class AlibabaError(Exception):
    """Base of all; also what the API refuses for any other reason.

    :param message: object, reason and remedy.
    :param code: the API's error code.
    :param request_id: the API's RequestId.
    """

    retryable = False

    def __init__(self, message: str, *, code: str = "", request_id: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.request_id = request_id


class AccessRefusedError(AlibabaError):
    """The access key isn't valid, or its RAM policy lacks the action."""


class ClusterMissingError(AlibabaError):
    """There is no such cluster, or a name fits several."""


class ClusterFailedError(AlibabaError):
    """The cluster can't become what is waited for."""


class ServiceBusyError(AlibabaError):
    """The API was throttling, failing or out of reach."""

    retryable = True
