"""How a mover is doing, told from its Job and pods.

Pure: the caller fetches the objects (a trigger with an asynchronous client, a test from a file). Completion
is never judged by the log, which may stop for many reasons; nor by sidecars, which others may inject.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from migration_ops.mover.job import CONTAINER
from migration_ops.mover.messages import (
    HOPELESS_EXIT_CODES,
    INCOMPLETE_EXIT_CODE,
    parse_message,
    problem_text,
    size_text,
)

Phase = Literal["waiting", "running", "succeeded", "failed", "gone"]


@dataclass(frozen=True)
class Observation:
    """A mover at one instant.

    :param phase: `gone` means that there is neither Job nor pod any more.
    :param reason: why it waits or failed, for people.
    :param pod: the pod's name, if there is one.
    :param node: where it runs.
    :param exit_code: the vault program's, once it ended.
    :param summary: what the vault program said last.
    :param retryable: whether starting it again may help.
    """

    phase: Phase
    reason: str = ""
    pod: str | None = None
    node: str | None = None
    exit_code: int | None = None
    summary: dict[str, Any] | None = None
    retryable: bool = True

    def data(self) -> dict[str, Any]:
        """As JSON data, for a trigger's event."""
        return asdict(self)


def observe(job: dict[str, Any] | None, pods: Sequence[dict[str, Any]]) -> Observation:
    """Tell how a mover is doing.

    :param job: the Job as JSON data; nothing if it doesn't exist.
    :param pods: the Job's pods; the newest counts.
    """
    pod = max(pods, key=lambda item: str(item["metadata"].get("creationTimestamp") or ""), default=None)
    if pod is not None:
        seen = _observe_pod(pod)
        if seen.phase != "failed" or not _is_over(job, "Complete"):
            return seen
    if job is None:
        return Observation("gone", "the Job doesn't exist any more")
    if _is_over(job, "Complete"):
        return Observation("succeeded")
    if condition := _is_over(job, "Failed"):
        text = f"{condition.get('reason', 'failed')}: {condition.get('message', '')}".rstrip(": ")
        return Observation("failed", text)
    return Observation("waiting", "the Job has no pod yet")


def _observe_pod(pod: dict[str, Any]) -> Observation:
    status = pod.get("status") or {}
    name, node = pod["metadata"]["name"], (pod.get("spec") or {}).get("nodeName")
    container: dict[str, Any] = next(
        (c for c in status.get("containerStatuses") or [] if c["name"] == CONTAINER), {}
    )
    state = container.get("state") or {}
    if ended := state.get("terminated"):
        return _ended(ended, name, node)
    if status.get("phase") == "Failed":
        text = f"{status.get('reason') or 'pod failed'}: {status.get('message') or 'no message'}"
        return Observation("failed", text, name, node)
    if state.get("running"):
        return Observation("running", "", name, node)
    return Observation("waiting", _waiting_reason(status, state), name, node)


def _ended(ended: dict[str, Any], pod: str, node: str | None) -> Observation:
    code = int(ended.get("exitCode") or 0)
    text = str(ended.get("message") or "")
    last_line = text.strip().splitlines()[-1] if text.strip() else ""
    message = parse_message(last_line) or parse_message(text)
    summary = message if message and message["message_type"] == "summary" else None
    if code == 0 or (code == INCOMPLETE_EXIT_CODE and summary):
        return Observation("succeeded", "", pod, node, code, summary)
    detail = problem_text(message) if message and summary is None else last_line[-1000:]
    memory = " (raise movers.limits.memory in the plan)" if ended.get("reason") == "OOMKilled" else ""
    reason = f"{ended.get('reason') or 'Error'}, exit code {code}{memory}: {detail or 'no message'}"
    return Observation("failed", reason, pod, node, code, summary, retryable=code not in HOPELESS_EXIT_CODES)


def _waiting_reason(status: dict[str, Any], state: dict[str, Any]) -> str:
    waiting = state.get("waiting") or {}
    if waiting.get("reason"):
        return f"{waiting['reason']}: {waiting.get('message') or 'no message'}"
    for condition in status.get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return f"{condition.get('reason')}: {condition.get('message') or 'no message'}"
    return "the pod is being started"


def _is_over(job: dict[str, Any] | None, kind: str) -> dict[str, Any] | None:
    conditions: list[dict[str, Any]] = ((job or {}).get("status") or {}).get("conditions") or []
    return next((c for c in conditions if c.get("type") == kind and c.get("status") == "True"), None)


def summary_text(summary: dict[str, Any]) -> str:
    """A mover's summary in one line, whatever it did."""
    parts = []
    if files := summary.get("total_files_processed") or summary.get("files_restored"):
        parts.append(f"{files} files")
    if size := summary.get("total_bytes_processed") or summary.get("bytes_restored"):
        parts.append(size_text(size))
    if "data_added_packed" in summary:
        parts.append(f"{size_text(summary['data_added_packed'])} added")
    if "differences" in summary:
        parts.append(f"{summary['differences']} differences")
    parts += [
        f"{verb} {size_text(summary.get('bytes', 0) / seconds)}/s"
        for verb in ("write", "read")
        if (seconds := summary.get(f"{verb}_seconds"))
    ]
    if seconds := summary.get("total_duration"):
        parts.append(f"{seconds:.1f} s")
    return ", ".join(parts) or "done"
