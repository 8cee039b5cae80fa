"""One connection to one cluster: plain REST with bounded retries, safe for many threads.

The generated client's models cost more time than the network does, and know only the kinds of one
release; so requests go straight through its connection pool and objects stay dictionaries. Each `Cluster`
has its own configuration and pool: two clusters in one process never mix.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urlencode

import orjson
import tenacity
import urllib3

from migration_ops.bad_input import yaml_problem
from migration_ops.cluster.answers import JSON, Busy, parse, pause_seconds
from migration_ops.cluster.errors import ClusterError, ClusterUnreachable, KubeconfigError
from migration_ops.cluster.kubeconfigs import require_credentials

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

Item = TypeVar("Item")
Result = TypeVar("Result")

WORKERS = 16
"""Threads per parallel operation. More only lengthens the API server's queue."""

FIRST_PAUSE_SECONDS = 0.1

TELL_SECONDS = 15.0
"""So often somebody who waits is told what for."""

UNKNOWN_HOST_SECONDS = 10.0
"""A name that never led anywhere is mistyped; one that did is worth the whole patience."""

_NEVER_TRUSTED = ("CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER", "_ALERT_", "UNKNOWN_CA")
"""What waiting cannot mend in a failed handshake: a certificate that one side refuses, or no TLS at all."""

MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


class Cluster:
    """A Kubernetes cluster.

    :param api_client: a configured client; only its configuration and credentials are used.
    :param name: what messages, journal and snapshots call this cluster.
    :param retry_seconds: how long one request is repeated while the server is away or busy. An API server
        that restarts should fit in.
    :param on_wait: told, now and then, what is waited for; called in whatever thread waits.
    """

    def __init__(
        self,
        api_client: ApiClient,
        name: str,
        *,
        retry_seconds: float = 150.0,
        on_wait: Callable[[str], None] | None = None,
    ) -> None:
        from kubernetes.client import rest  # here, since it takes a second that DAG parsing need not pay

        self.name = name
        self.retry_seconds = retry_seconds
        self._api_client = api_client
        self._host = str(api_client.configuration.host).rstrip("/")
        self._open: Callable[..., urllib3.BaseHTTPResponse]
        self._manager: urllib3.PoolManager = rest.RESTClientObject(
            api_client.configuration, maxsize=2 * WORKERS
        ).pool_manager
        if api_client.configuration.proxy:
            self._open, self._prefix = self._manager.urlopen, self._host
        else:
            # Straight to the one host's pool: finding it anew costs a quarter of a request's client time.
            self._open = self._manager.connection_from_url(self._host).urlopen
            self._prefix = urllib3.util.parse_url(self._host).path or ""
        self._auth_lock = threading.Lock()
        self._on_wait = on_wait
        self._answered = False
        self._told = float("-inf")
        self.returned_at = float("-inf")
        """When the server last answered that had been away or too busy, by `time.monotonic`."""
        self.cache: dict[str, Any] = {}
        """What does not change while one operation runs (discovery); owned by the modules that fill it."""

    @classmethod
    def from_kubeconfig(
        cls,
        kubeconfig: Path | str | Mapping[str, Any],
        context: str | None = None,
        *,
        name: str | None = None,
        retry_seconds: float = 150.0,
        on_wait: Callable[[str], None] | None = None,
    ) -> Cluster:
        """Connect as a kubeconfig says.

        :param kubeconfig: a file's path, or the parsed content.
        :param context: the context to use; the current one when not given.
        :param name: what to call this cluster; the context's cluster when not given.
        :param retry_seconds: see the class.
        :param on_wait: see the class.
        :raises KubeconfigError: when the kubeconfig cannot be used.
        """
        import yaml
        from kubernetes import client, config

        settings = client.Configuration()
        try:
            if isinstance(kubeconfig, Mapping):
                config.load_kube_config_from_dict(
                    dict(kubeconfig), context=context, client_configuration=settings, persist_config=False
                )
                where = "the given kubeconfig"
            else:
                config.load_kube_config(
                    str(kubeconfig), context=context, client_configuration=settings, persist_config=False
                )
                where = str(kubeconfig)
        except (
            config.ConfigException,
            OSError,
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
            RecursionError,
            yaml.YAMLError,
        ) as error:
            named = "(inline)" if isinstance(kubeconfig, Mapping) else kubeconfig
            if isinstance(error, yaml.YAMLError):
                line, problem = yaml_problem(error)
                reason = f"line {line}: isn't a kubeconfig as kubectl writes it: {problem}"
            elif isinstance(error, OSError):
                reason = f"can't be read: {error.strerror or error}"
            elif isinstance(error, config.ConfigException):
                reason = " ".join(str(error).split())
            else:
                reason = (
                    "isn't a kubeconfig as kubectl writes it; `kubectl config view --raw --minify` prints one"
                )
            raise KubeconfigError(f"kubeconfig {named}: {reason}") from error
        require_credentials(kubeconfig, context, settings)
        return cls(
            client.ApiClient(settings), name or context or where, retry_seconds=retry_seconds, on_wait=on_wait
        )

    @property
    def address(self) -> str:
        """The API server's address."""
        return self._host

    def certificate_authority(self) -> bytes | None:
        """Return what signs the server's certificate, as PEM; ``None`` if the system's authorities do."""
        file = self._api_client.configuration.ssl_ca_cert
        return Path(file).read_bytes() if file else None

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int | bool] | None = None,
        body: Any = None,
        content_type: str = JSON,
        accept: str = JSON,
        what: str | None = None,
        retry_seconds: float | None = None,
        timeout_seconds: float = 60.0,
    ) -> Any:
        """Send one request and return the parsed answer.

        Repeats while the connection fails or the server is busy (429, 502-504), with growing pauses; all
        requests of this package may safely be sent twice.

        :param method: HTTP method.
        :param path: path below the server's address, with leading slash.
        :param query: query parameters.
        :param body: JSON-serialisable body.
        :param content_type: media type of the body.
        :param accept: media types of the answer.
        :param what: the request in words, for messages.
        :param retry_seconds: overrides the connection's bound.
        :param timeout_seconds: for one attempt.
        :raises ApiError: when the server refuses.
        :raises ClusterUnreachable: when it could not be reached in time.
        """
        described = f"{what or f'{method} {path}'} on {self.name}"
        url = self._prefix + path + (f"?{urlencode(_texts(query))}" if query else "")
        payload = None if body is None else orjson.dumps(body)
        bound = self.retry_seconds if retry_seconds is None else retry_seconds

        def once() -> Any:
            return self._once(
                method,
                url,
                payload,
                content_type=content_type,
                accept=accept,
                described=described,
                timeout_seconds=timeout_seconds,
            )

        # Nearly all requests end here: the retry machinery costs as much time as sending one.
        try:
            return once()
        except Busy as busy:
            self._tell(described, busy, bound)
            time.sleep(min(busy.wait_seconds or FIRST_PAUSE_SECONDS, bound))
        began = time.monotonic()

        def tell(state: tenacity.RetryCallState) -> None:
            failure = state.outcome.exception() if state.outcome else None
            if isinstance(failure, Busy):
                self._tell(described, failure, bound - (time.monotonic() - began))

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Busy),
            wait=pause_seconds,
            stop=lambda state: _given_up(state, bound),
            before_sleep=tell,
            reraise=True,
        )
        try:
            answer = retrying(once)
        except Busy as busy:
            if busy.error is not None:
                raise busy.error from None
            waited = time.monotonic() - began
            waiting = f" for {waited:.0f} s" if waited >= 1 else ""
            remedy = f"check that {self._host} is up and reachable"
            message = f"{described}: {busy}{waiting}; {remedy}"
            raise ClusterUnreachable(message, f"{busy}; {remedy}") from busy
        except ClusterError:  # also a refusal is an answer
            self.returned_at = time.monotonic()
            raise
        self.returned_at = time.monotonic()
        return answer

    def _once(
        self,
        method: str,
        url: str,
        payload: bytes | None,
        *,
        content_type: str,
        accept: str,
        described: str,
        timeout_seconds: float,
    ) -> Any:
        headers = {"Accept": accept, "User-Agent": "migration-ops"}
        if payload is not None:
            headers["Content-Type"] = content_type
        queries: list[tuple[str, str]] = []
        with self._auth_lock:  # refreshing a token is not made for several threads
            self._api_client.update_params_for_auth(headers, queries, ["BearerToken"])
        try:
            response = self._open(
                method,
                url,
                body=payload,
                headers=headers,
                retries=False,
                timeout=urllib3.Timeout(connect=5.0, read=timeout_seconds),
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            # A server that is killed in the middle of a handshake is an SSLError, too: only trust is final.
            if isinstance(error, urllib3.exceptions.SSLError) and any(
                sign in str(error) for sign in _NEVER_TRUSTED
            ):
                message = (
                    f"{described}: TLS failed: {_brief(error)}; check address, certificate authority and "
                    "client certificate of the connection"
                )
                raise ClusterError(message) from error
            unknown = isinstance(error, urllib3.exceptions.NameResolutionError) and not self._answered
            limit = UNKNOWN_HOST_SECONDS if unknown else None
            raise Busy(f"no answer ({_in_words(error)})", limit_seconds=limit) from error
        self._answered = True
        return parse(response, described)

    def _tell(self, described: str, busy: Busy, seconds_left: float) -> None:
        """Say what is waited for, unless somebody was told a moment ago."""
        if busy.limit_seconds is not None:
            seconds_left = min(seconds_left, busy.limit_seconds)
        if self._on_wait is None or seconds_left <= 0 or time.monotonic() - self._told < TELL_SECONDS:
            return
        self._told = time.monotonic()
        self._on_wait(f"waiting for {self._host} to {described}: {busy}; for up to {seconds_left:.0f} s more")

    def get(self, path: str, **options: Any) -> Any:
        """GET a path; see `request`.

        :param path: path below the server's address.
        :param options: as of `request`.
        """
        return self.request("GET", path, **options)

    def patch(self, path: str, body: Any, *, content_type: str = MERGE_PATCH, **options: Any) -> Any:
        """PATCH a path, by default as a JSON merge patch; see `request`.

        :param path: path below the server's address.
        :param body: the patch.
        :param content_type: the kind of patch.
        :param options: as of `request`.
        """
        return self.request("PATCH", path, body=body, content_type=content_type, **options)

    def each(
        self, do: Callable[[Item], Result], items: Iterable[Item], *, workers: int = WORKERS
    ) -> Iterator[Result]:
        """Do something for every item in parallel; results come in the items' order.

        The first failure is raised; what has not begun by then is left undone.

        :param do: called in a thread.
        :param items: what to do it for.
        :param workers: how many threads.
        """
        pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix=f"cluster-{self.name}")
        try:
            yield from pool.map(do, items)
        finally:
            pool.shutdown(cancel_futures=True)

    def version(self) -> str:
        """Return the server's version, e.g. ``v1.20.2``."""
        return str(self.get("/version", what="read the version")["gitVersion"])

    def identity(self) -> str:
        """Return what identifies this cluster for good: the UID of its namespace kube-system."""
        answer = self.get("/api/v1/namespaces/kube-system", what="read namespace kube-system")
        return str(answer["metadata"]["uid"])

    def clock_skew_seconds(self) -> float:
        """Return how far the server's clock is ahead of ours, in seconds (to within one)."""
        response = self._open("GET", f"{self._prefix}/version", retries=False, timeout=5.0)
        stamp = response.headers.get("Date", "")
        from email.utils import parsedate_to_datetime

        return parsedate_to_datetime(stamp).timestamp() - time.time() if stamp else 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the pooled connections."""
        self._manager.clear()


def _given_up(state: tenacity.RetryCallState, bound: float) -> bool:
    failure = state.outcome.exception() if state.outcome else None
    limit = failure.limit_seconds if isinstance(failure, Busy) else None
    return (state.seconds_since_start or 0.0) >= (bound if limit is None else min(bound, limit))


def _texts(query: Mapping[str, str | int | bool]) -> dict[str, str]:
    return {
        key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in query.items()
    }


def _in_words(error: BaseException) -> str:
    """Why there was no answer: `connection refused`, as the system says it without its numbers."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLEOFError):
            return "connection closed in the TLS handshake"
        if isinstance(cause, ssl.SSLError):
            return _brief(error)  # its number is none of the system's
        if isinstance(cause, OSError) and cause.errno and cause.strerror:
            return cause.strerror[:1].lower() + cause.strerror[1:]
        if isinstance(cause, ConnectionError):
            return "connection closed"
        cause = cause.__cause__ or cause.__context__
    return "timed out" if isinstance(error, urllib3.exceptions.TimeoutError) else _brief(error)


def _brief(error: BaseException) -> str:
    text = str(error)
    return text if len(text) < 200 else text[:200] + "…"
