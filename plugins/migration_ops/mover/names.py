"""Names of movers: derived, never drawn.

A retried task must find the Job that its predecessor started, also when Airflow's database is lost, so the
name follows from plan, run, action and volume. Labels carry the same in a form that can be selected by.
"""

from __future__ import annotations

import hashlib
import re

PREFIX = "migration-ops.io/"
PLAN_LABEL = PREFIX + "plan"
RUN_LABEL = PREFIX + "run"
ACTION_LABEL = PREFIX + "action"
SPEC_LABEL = PREFIX + "spec"
MOVER_LABEL = PREFIX + "mover"
CLAIM_ANNOTATION = PREFIX + "claim"

_MAX_LABEL = 63
_MAX_JOB_NAME = 52  # leaves room for the suffix that the Job controller adds to pods' names


def digest(*parts: str, length: int = 10) -> str:
    """A short stable fingerprint of several texts; their order and their borders count."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:length]


def run_key(dag_id: str, run_id: str) -> str:
    """A run's identity as a label value: readable, at most 63 characters, different for different runs.

    :param run_id: Airflow's, for example `manual__2026-11-22T18:17:00+00:00`.
    """
    readable = re.sub(r"[^A-Za-z0-9]+", "-", run_id).strip("-").lower()
    return f"{readable[: _MAX_LABEL - 9].rstrip('-')}-{digest(dag_id, run_id, length=8)}".lstrip("-")


def mover_name(plan: str, run: str, action: str, namespace: str, claim: str | None) -> str:
    """The name of the Job that does `action` to one volume in one run of a plan."""
    suffix = digest(plan, run, action, namespace, claim or "")
    readable = re.sub(r"[^a-z0-9-]+", "-", f"mover-{action}-{claim or plan}".lower())
    return f"{readable[: _MAX_JOB_NAME - len(suffix) - 1].rstrip('-')}-{suffix}"
