"""Start a mover, or find the one that is there already.

Uses Kubernetes' plain client: the Airflow provider's own method repeats a create that was answered with
409 for fifteen seconds, where 409 simply means that an earlier try got this far.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException
from tenacity import Retrying, retry_if_exception, retry_if_result, stop_after_delay, wait_random_exponential

from migration_ops.mover.command import STANDBY
from migration_ops.mover.errors import ClaimHeldError, MoverConflictError, MoverError
from migration_ops.mover.job import build_job, build_secret
from migration_ops.mover.names import (
    ACTION_LABEL,
    CLAIM_ANNOTATION,
    MOVER_LABEL,
    PLAN_LABEL,
    SPEC_LABEL,
)
from migration_ops.mover.observation import observe
from migration_ops.mover.occupants import is_anothers, occupants
from migration_ops.mover.spec import Credentials, MoverSpec
from migration_ops.mover.standby import give_order, standing_by
from migration_ops.mover.surroundings import build_egress_policy, is_shut_in, security_level

_TIMEOUT = (10, 60)  # seconds to connect and to answer
_GONE_SECONDS = 60.0  # a mover that is asked to stop ends within ten seconds, its pod within thirty more


@dataclass(frozen=True)
class Submission:
    """A mover that runs or has run.

    :param adopted: whether it was there before.
    """

    namespace: str
    name: str
    uid: str
    adopted: bool

    def where(self) -> dict[str, str]:
        """What another process needs to find it, as JSON data."""
        return {"namespace": self.namespace, "name": self.name, "uid": self.uid}


def submit(api_client: client.ApiClient, spec: MoverSpec, credentials: Credentials) -> Submission:
    """Start the mover, or adopt it if it was started before; can be called any number of times.

    A Job of the same work that runs or succeeded is adopted; one that stands by for it is told to begin; one
    that failed, or does other work than is wanted now, is replaced.

    :raises ClaimHeldError: if it would write to a claim that an application mounts, or that
        isn't the plan's, whoever asks for it.
    :raises MoverConflictError: if a Job of that name isn't ours.
    :raises MoverError: if the API server refuses the objects (quota, admission, permissions), or the
        namespace's rules leave no room for a mover.
    """
    batch, core = client.BatchV1Api(api_client), client.CoreV1Api(api_client)
    spec = replace(spec, security_level=security_level(_namespace(core, api_client, spec)))
    if spec.writable:
        _refuse_held_claim(core, spec)
        _refuse_anothers_claim(core, spec)
        _refuse_second_writer(batch, api_client, spec)
    job, adopted = _create_or_adopt(batch, api_client, spec, build_job(spec, credentials))
    uid = str(job["metadata"]["uid"])
    if not job["spec"].get("parallelism") and observe(job, []).phase == "waiting":
        _put_secret(core, spec, build_secret(spec, credentials, uid))
        _let_out(api_client, spec, uid)
        _call(batch.patch_namespaced_job, spec.name, spec.namespace, {"spec": {"parallelism": 1}})
    return Submission(spec.namespace, spec.name, uid, adopted)


def remove(api_client: client.ApiClient, namespace: str, name: str, *, policy: str = "Background") -> None:
    """Delete a mover with its pods and its Secret; harmless if it is gone.

    :param policy: with `Foreground` the Job stays until its pod is gone.
    """
    batch = client.BatchV1Api(api_client)
    try:
        _call(batch.delete_namespaced_job, name, namespace, propagation_policy=policy)
    except ApiException as error:
        if error.status != 404:
            raise


def dismiss(api_client: client.ApiClient, plan: str, action: str, *, at_work: bool = True) -> list[str]:
    """Delete the movers of a plan that do one thing or stand by for it.

    :param plan: the plan's name.
    :param at_work: also those that weren't started ahead, and work.
    :returns: `namespace/name` of each.
    """
    selector = f"{MOVER_LABEL}=true,{PLAN_LABEL}={plan},{ACTION_LABEL}={action}"
    found = _call(client.BatchV1Api(api_client).list_job_for_all_namespaces, label_selector=selector)
    jobs = [job for job in found.items if at_work or _was_ahead(job)]
    for job in jobs:
        remove(api_client, job.metadata.namespace, job.metadata.name)
    return [f"{job.metadata.namespace}/{job.metadata.name}" for job in jobs]


def _was_ahead(job: Any) -> bool:
    return bool((job.spec.template.spec.containers[0].args or [""])[0] == STANDBY)


def _create_or_adopt(
    batch: client.BatchV1Api, api_client: client.ApiClient, spec: MoverSpec, body: dict[str, Any]
) -> tuple[dict[str, Any], bool]:
    for _ in range(3):
        try:
            return api_client.sanitize_for_serialization(
                _call(batch.create_namespaced_job, spec.namespace, body)
            ), False
        except ApiException as error:
            if error.status != 409:
                raise _refusal(spec, error) from error
        found = _read(batch, api_client, spec)
        if found is None:
            continue
        labels = found["metadata"].get("labels") or {}
        if labels.get(MOVER_LABEL) != "true":
            raise MoverConflictError(
                f"Job {spec.namespace}/{spec.name} exists and isn't a mover of ours; delete or rename it"
            )
        alive = not found["metadata"].get("deletionTimestamp") and observe(found, []).phase != "failed"
        if alive and labels.get(SPEC_LABEL) == spec.fingerprint:
            return found, True
        stands_by = labels.get(SPEC_LABEL) == standing_by(spec).fingerprint
        if alive and stands_by and give_order(api_client, spec, str(found["metadata"]["uid"])):
            mark = {"metadata": {"labels": {SPEC_LABEL: spec.fingerprint}}}
            _call(batch.patch_namespaced_job, spec.name, spec.namespace, mark)
            return found, True
        # What stands by may have got its order without our knowing it: until its pod is gone it may write.
        lingers = stands_by and spec.writable
        remove(api_client, spec.namespace, spec.name, policy="Foreground" if lingers else "Background")
        if _wait_until_gone(batch, api_client, spec) is not None:
            raise MoverError(
                f"mover {spec.namespace}/{spec.name} was deleted and doesn't end, and may still use "
                f"{spec.item}: is the node of its pod alive? When it is surely off, delete the pod with "
                f"`kubectl delete pod -n {spec.namespace} -l job-name={spec.name} --force` and try again"
            )
    raise MoverError(
        f"Job {spec.namespace}/{spec.name} keeps being made by somebody else; look who does that"
    )


def _read(batch: client.BatchV1Api, api_client: client.ApiClient, spec: MoverSpec) -> dict[str, Any] | None:
    try:
        found = _call(batch.read_namespaced_job, spec.name, spec.namespace)
    except ApiException as error:
        if error.status == 404:
            return None
        raise
    job: dict[str, Any] = api_client.sanitize_for_serialization(found)
    return job


def _wait_until_gone(
    batch: client.BatchV1Api, api_client: client.ApiClient, spec: MoverSpec
) -> dict[str, Any] | None:
    """Wait for a deleted Job's end; returns it if it is still there."""
    waiting = Retrying(
        retry=retry_if_result(lambda job: job is not None),
        wait=wait_random_exponential(0.2, max=3),
        stop=stop_after_delay(_GONE_SECONDS),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )
    left: dict[str, Any] | None = waiting(_read, batch, api_client, spec)
    return left


def _put_secret(core: client.CoreV1Api, spec: MoverSpec, secret: dict[str, Any]) -> None:
    try:
        _call(core.create_namespaced_secret, spec.namespace, secret)
    except ApiException as error:
        if error.status != 409:
            raise _refusal(spec, error) from error
        _call(core.replace_namespaced_secret, spec.name, spec.namespace, secret)


def _refuse_held_claim(core: client.CoreV1Api, spec: MoverSpec) -> None:
    """What an application has written is never overwritten, also by a step that is cleared long after."""
    found = _read_raw(core.list_namespaced_pod, spec, spec.namespace)
    if held := occupants(found["items"], str(spec.claim)):
        raise ClaimHeldError(
            f"claim {spec.item} is mounted by {', '.join(f'pod {name}' for name in held[:5])}, and what the "
            "application wrote there would be gone. If it may be, stop what makes the pod (scale it to 0, "
            "suspend its CronJob) and clear this task; after a finished migration leave it as it is"
        )


def _refuse_anothers_claim(core: client.CoreV1Api, spec: MoverSpec) -> None:
    if spec.takes_over:
        return
    try:
        found = _read_raw(core.read_namespaced_persistent_volume_claim, spec, str(spec.claim), spec.namespace)
    except ApiException:  # it is gone: the mover's pod waits for one of that name, and says so
        return
    if is_anothers(found, spec.plan):
        raise ClaimHeldError(
            f"claim {spec.item} wasn't made by plan {spec.plan}, and what it holds would be gone for good. "
            "Rename or delete it, or have the plan say so for claims (restore.existing: "
            "{PersistentVolumeClaim: update})"
        )


def _read_raw(function: Any, spec: MoverSpec, *arguments: str) -> dict[str, Any]:
    try:
        answer = _call(function, *arguments, _preload_content=False)
    except ApiException as error:
        if error.status == 404:
            raise
        raise _refusal(spec, error) from error
    found: dict[str, Any] = json.loads(answer.data)
    return found


def _refuse_second_writer(batch: client.BatchV1Api, api_client: client.ApiClient, spec: MoverSpec) -> None:
    """Two runs may want to fill one claim (staging and a cutover): the second one waits for its next try."""
    found = _call(batch.list_namespaced_job, spec.namespace, label_selector=f"{MOVER_LABEL}=true")
    for job in api_client.sanitize_for_serialization(found.items):
        other = job["metadata"]
        same = (other.get("annotations") or {}).get(CLAIM_ANNOTATION) == spec.claim
        if same and other["name"] != spec.name and observe(job, []).phase == "waiting":
            raise MoverError(f"mover {other['name']} works on {spec.item}; this one has to wait for its end")


def _namespace(core: client.CoreV1Api, api_client: client.ApiClient, spec: MoverSpec) -> dict[str, Any]:
    try:
        found: dict[str, Any] = api_client.sanitize_for_serialization(
            _call(core.read_namespace, spec.namespace)
        )
    except ApiException as error:
        raise _refusal(spec, error) from error
    return found


def _let_out(api_client: client.ApiClient, spec: MoverSpec, job_uid: str) -> None:
    networking = client.NetworkingV1Api(api_client)
    try:
        found = _call(networking.list_namespaced_network_policy, spec.namespace)
        if is_shut_in(api_client.sanitize_for_serialization(found.items)):
            policy = build_egress_policy(spec, job_uid)
            _call(networking.create_namespaced_network_policy, spec.namespace, policy)
    except ApiException as error:
        # Without the right to see policies there is nothing to do about them; a second try finds its own.
        if error.status not in {403, 404, 409}:
            raise _refusal(spec, error) from error


def _refusal(spec: MoverSpec, error: ApiException) -> MoverError:
    text = str(error.body or error.reason)[:600]
    return MoverError(
        f"mover {spec.namespace}/{spec.name} was refused by the API server ({error.status}): {text}",
        # A server that has just started refuses everybody (403) until it has read the rights.
        retryable=error.status in {403, 409, 429} or (error.status or 0) >= 500,
    )


def is_passing(error: BaseException) -> bool:
    """Whether an error of an API call goes away by itself: a restarting or throttling server."""
    if isinstance(error, ApiException):
        return error.status in {0, 429, 500, 502, 503, 504}
    return isinstance(error, OSError) or type(error).__module__.startswith("urllib3")


def _call(function: Any, *arguments: Any, **options: Any) -> Any:
    """Call the API, again for up to a minute while the server restarts or throttles."""
    retrying = Retrying(
        retry=retry_if_exception(is_passing),
        wait=wait_random_exponential(0.3, max=8),
        stop=stop_after_delay(60),
        reraise=True,
    )
    return retrying(function, *arguments, _request_timeout=_TIMEOUT, **options)
