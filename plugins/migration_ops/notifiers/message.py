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


def run_url(context: Mapping[str, Any], task_id: str = "") -> str:
    """The page of a run, or of one of its tasks, in Airflow's UI."""
    run = context.get("dag_run")
    dag = context.get("dag")
    dag_id = getattr(run, "dag_id", None) or (run.get("dag_id") if isinstance(run, dict) else None)
    run_id = getattr(run, "run_id", None) or (run.get("dag_run_id") if isinstance(run, dict) else None)
    dag_id = dag_id or getattr(dag, "dag_id", "")
    run_id = run_id or context.get("run_id") or ""
    base = str(conf.get("api", "base_url", fallback="http://localhost:8080")).rstrip("/")
    url = f"{base}/dags/{quote(str(dag_id))}/runs/{quote(str(run_id))}"
    return f"{url}/tasks/{quote(task_id)}" if task_id else url
