"""What people are told: a title, a text, and where to look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import quote

from airflow.sdk import conf

from migration_ops.migration.plan_notify import Occasion


@dataclass(frozen=True)
class Message:
    """One message; notifiers' arguments may name its attributes, as `{{ message.title }}`.

    :param occasion: what it is about, one of a plan's `notify.on`.
    :param plan: the plan's name.
    :param title: one line.
    :param body: what happened and what to do, as plain text or Markdown.
    :param url: the page in Airflow's UI where one goes on.
    """

    occasion: Occasion
    plan: str
    title: str
    body: str
    url: str = ""

    @property
    def text(self) -> str:
        """Everything as plain text."""
        return "\n\n".join(part for part in (self.title, self.body, self.url) if part)

    @property
    def html(self) -> str:
        """Everything for mail; what the parts say is shown, never interpreted."""
        link = f'<p><a href="{escape(self.url)}">{escape(self.url)}</a></p>' if self.url else ""
        return (
            f"<h3>{escape(self.title)}</h3>"
            f'<pre style="font-family:inherit;white-space:pre-wrap">{escape(self.body)}</pre>{link}'
        )

    @property
    def data(self) -> dict[str, str]:
        """Everything for programs."""
        return {
            "occasion": self.occasion,
            "plan": self.plan,
            "title": self.title,
            "text": self.body,
            "url": self.url,
        }


def run_of(context: Mapping[str, Any]) -> tuple[str, str]:
    """The ids of DAG and run, whoever made the context.

    A task's has objects, a deadline's callback has the REST API's data, a DAG's may have ids alone.
    """
    run, dag = context.get("dag_run"), context.get("dag")
    if isinstance(run, Mapping):
        return str(run.get("dag_id", "")), str(run.get("dag_run_id") or run.get("run_id") or "")
    dag_id = getattr(run, "dag_id", None) or getattr(dag, "dag_id", "")
    return str(dag_id), str(getattr(run, "run_id", None) or context.get("run_id") or "")


def run_url(context: Mapping[str, Any], task_id: str = "") -> str:
    """The page of a run, or of one of its tasks, in Airflow's UI."""
    dag_id, run_id = run_of(context)
    base = str(conf.get("api", "base_url", fallback="http://localhost:8080")).rstrip("/")
    url = f"{base}/dags/{quote(dag_id)}/runs/{quote(run_id)}"
    return f"{url}/tasks/{quote(task_id)}" if task_id else url
