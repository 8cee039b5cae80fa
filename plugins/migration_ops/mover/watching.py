"""Looks at several movers at once, with few and short requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from migration_ops.mover.job import CONTAINER
from migration_ops.mover.messages import Messages, read_messages
from migration_ops.mover.observation import Observation, observe
from migration_ops.mover.submission import Submission

_TIMEOUT = (5, 20)  # seconds to connect and to answer


def look(
    api_client: client.ApiClient, movers: Mapping[str, Submission], *, listen: bool = False
) -> dict[str, Observation]:
    """Tell how each mover is doing: one request for a namespace's pods, more only about those that ended.

    :param movers: by whatever the caller knows them by.
    :param listen: ask those that run, too: a mover has said that all went well a second or two before its
        pod's end is known, at the price of a request for each.
    :raises ApiException: if the API server refuses.
    :raises urllib3.exceptions.HTTPError: if it doesn't answer.
    """
    pods: dict[str, list[dict[str, Any]]] = {}
    for namespace in sorted({mover.namespace for mover in movers.values()}):
        for pod in _pods(api_client, namespace, movers.values()):
            labels = pod["metadata"].get("labels") or {}
            pods.setdefault(str(labels.get("controller-uid")), []).append(pod)
    found = {}
    for key, mover in movers.items():
        own = pods.get(mover.uid, [])
        seen = observe(None, own)
        if seen.phase in {"gone", "failed"}:
            seen = observe(_job(api_client, mover), own)
        if listen and seen.phase == "running" and seen.pod:
            seen = _said(api_client, mover, seen)
        if seen.phase == "waiting" and not seen.pod and (refusal := _refusal(api_client, mover)):
            seen = Observation("waiting", refusal)
        found[key] = seen
    return found


def progress_of(api_client: client.ApiClient, mover: Submission, pod: str) -> dict[str, Any] | None:
    """The newest progress that a mover has told; nothing if its log can't be read just now."""
    return _messages(api_client, mover, pod, 20).progress


def _said(api_client: client.ApiClient, mover: Submission, seen: Observation) -> Observation:
    """A mover that runs, or that has said that it is done: its last act but ending.

    Only what went well is believed; whatever else it may have said, its pod's end will tell.
    """
    summary = _messages(api_client, mover, str(seen.pod), 3).summary
    if summary is None or summary.get("errors") or summary.get("differences"):
        return seen
    return replace(seen, phase="succeeded", exit_code=0, summary=summary)


def _messages(api_client: client.ApiClient, mover: Submission, pod: str, lines: int) -> Messages:
    try:
        text = client.CoreV1Api(api_client).read_namespaced_pod_log(
            pod, mover.namespace, container=CONTAINER, tail_lines=lines, _request_timeout=_TIMEOUT
        )
    except ApiException:
        return Messages()
    return read_messages((text or "").splitlines())


def _pods(api_client: client.ApiClient, namespace: str, movers: Iterable[Submission]) -> list[dict[str, Any]]:
    names = ",".join(sorted(mover.name for mover in movers if mover.namespace == namespace))
    found = client.CoreV1Api(api_client).list_namespaced_pod(
        namespace, label_selector=f"job-name in ({names})", _request_timeout=_TIMEOUT
    )
    pods: list[dict[str, Any]] = api_client.sanitize_for_serialization(found.items)
    return pods


def _job(api_client: client.ApiClient, mover: Submission) -> dict[str, Any] | None:
    try:
        found = client.BatchV1Api(api_client).read_namespaced_job(
            mover.name, mover.namespace, _request_timeout=_TIMEOUT
        )
    except ApiException as error:
        if error.status == 404:
            return None
        raise
    job: dict[str, Any] = api_client.sanitize_for_serialization(found)
    return job


def _refusal(api_client: client.ApiClient, mover: Submission) -> str:
    """Why the Job can't make its pod: a quota, a limit range, an admission webhook."""
    found = client.CoreV1Api(api_client).list_namespaced_event(
        mover.namespace,
        field_selector=f"involvedObject.uid={mover.uid},reason=FailedCreate",
        limit=20,
        _request_timeout=_TIMEOUT,
    )
    return str(found.items[-1].message) if found.items else ""
