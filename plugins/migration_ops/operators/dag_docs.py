"""What a runbook's DAG says of itself: a line in the list, and a page with before, failure and way back."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from migration_ops.migration import Plan

DOCS_VARIABLE = "MIGRATION_OPS_DOCS"
"""Address under which the built documentation is served, if it is."""


@dataclass(frozen=True)
class RunbookText:
    """What a DAG file's docstring leaves to say; `{name}` stands for the plan's name.

    :param summary: one line for the list of DAGs.
    :param before: what must be so when it is triggered.
    :param fails: what to do when a task failed.
    :param back: how what it did is taken back.
    :param page: the how-to beside the runbook.
    :param protecting: instead of the docstring in a plan that only protects, where that has other words.
    """

    summary: str
    before: str
    fails: str
    back: str
    page: str = "first-migration"
    protecting: str = ""


_TEXTS = {
    "register": RunbookText(
        "Find or make the clusters at Alibaba Cloud that the plan's connections name",
        "Connections of type `migration_ops_ack` with an access key whose policy allows it. With "
        "kubeconfigs of your own there is nothing to run here.",
        "Mend what the task names (key, policy, name, network) and clear it: what was made is found, and "
        "made no second time.",
        "Nothing of an application was touched. Clusters that were made stay, and cost: delete them in "
        "Container Service's console, and the agent in the source with `kubectl delete -f` of its manifest.",
        "registered-cluster",
        "Bring the source to Alibaba Cloud as ACK One registered cluster.\n\nFor a connection of type "
        "`migration_ops_ack`. The cluster is found by its name or ID, or made if the connection says how. "
        "Its agent is applied to the source, and connects it to ACK One over the Internet or a private "
        "network. Then it is looked at: kubeconfig, version, healthy nodes. With a connection that brings "
        "its own kubeconfig there is nothing to run here. Run it again at any time: what is there is found.",
    ),
    "connect": RunbookText(
        "Check clusters, rights, vault and the way between them, and report what would go wrong",
        "The plan's connections, accounts with their roles (`migration-ops account`), and the mover's "
        "image where the clusters can pull it.",
        "Mend what the report names (a right, a StorageClass, a connection) and run it again.",
        "There is nothing to take back; a vault that it made stays.",
        protecting="Check that backups can work, before they begin.\n\nThe API server answers, in which "
        "version; the account has the rights that backups need; the vault exists (it is made if not) and a "
        "mover in the cluster can write to it, read back and delete, and how fast. Then the readiness "
        "report: everything that would go wrong, with what to do about it. Nothing is changed but the "
        "vault. Run it again after every change of plan, connection or rights.",
    ),
    "backup": RunbookText(
        "Make a restore point of volumes and resources while the application runs",
        "`{name}.connect` ended without blockers.",
        "Nothing is half done: without its commit the restore point doesn't exist. Clear the failed rows; "
        "finished volumes stay finished. The next run makes up for a full backup that is owed.",
        "The applications were not touched. A restore point that nobody wants goes by the plan's "
        "`retention`.",
        "schedule",
    ),
    "stage": RunbookText(
        "Fill the target's claims with the newest restore point; no workload is started",
        "A restore point that isn't partial, and no pod in the target that mounts the plan's claims.",
        "The next restore point stages again; the source isn't touched.",
        "Filled claims stay in the target, and the next staging or cutover fills them anew. If there won't "
        "be one, delete them there with `kubectl`.",
    ),
    "rehearse": RunbookText(
        "Restore into scratch namespaces of the target, verify, time it, and remove everything",
        "A restore point, room in the target for the application a second time, and `rehearsal.stopped` "
        "naming what must not run twice (mailers, queue workers, payment jobs).",
        "`torn_down` has removed everything all the same. Mend what `report` names (the plan, an image, a "
        "node) and run it again; neither the source nor the real namespaces were touched.",
        "There is nothing to take back. What an interrupted run left, the next one's `clear` removes, or "
        "`kubectl delete namespace -l migration-ops.io/plan={name},migration-ops.io/rehearsal`.",
        "rehearsal",
    ),
    "cutover": RunbookText(
        "Stop the application in the source, start it in the target, prove that nothing was lost",
        "`{name}.connect` without blockers, the newest restore point staged, a rehearsal that went well, a "
        "forecast that fits the night, short TTLs of DNS names. Nothing stops before somebody approves.",
        "Clear the failed step to go on where it was, or run `{name}.rollback`: the source returns.",
        "Before *finish*: answer *Roll back*, or run `{name}.rollback`. After it the target has data that "
        "the source doesn't have: going back is a migration the other way round.",
    ),
    "rollback": RunbookText(
        "Undo a cutover: empty the target of it, start the source again as it was",
        "What the application has written in the target since the cutover isn't in the source: decide "
        "whether it may be lost.",
        "Run it again: what is undone stays undone. Without Airflow: `migration-ops resume`.",
        "It is the way back. To move after all, trigger `{name}.cutover` again.",
    ),
    "restore": RunbookText(
        "Restore a restore point, or a part of it, into a cluster",
        "The id of the restore point (empty: the newest one), and a cluster that the movers can run in. "
        "Nothing is changed before somebody approves.",
        "Clear the failed step to go on where it was; nothing of the source is needed.",
        "Nothing does that by itself: what it made carries the run's labels, delete it with `kubectl`. "
        "What it overwrote comes back with a restore point that holds it.",
        "restore",
    ),
    "maintain": RunbookText(
        "Forget old restore points, prune the vault and check a part of its data",
        "No cutover is prepared or under way. Backups wait while it prunes.",
        "The vault stays valid. `migration-ops vault unlock` removes a lock that a lost mover left.",
        "What was forgotten and pruned doesn't come back: change the plan's `retention` before that.",
        "schedule",
    ),
}


def dag_summary(verb: str) -> str:
    """The line that Airflow's list of DAGs shows."""
    return _TEXTS[verb].summary


def dag_page(plan: Plan, verb: str, doc: str | None, when: str | None = None) -> str:
    """The DAG's documentation, in Markdown.

    :param doc: the DAG file's docstring: what it does.
    :param when: when it begins by itself, if that is to be said.
    """
    text = _TEXTS[verb]
    if plan.target:
        way = f"{plan.source.conn_id} → {plan.target.conn_id}"
        head = f"Plan **{plan.name}**: {way}, vault {plan.vault.conn_id}."
    else:
        head = f"Plan **{plan.name}** only protects: {plan.source.conn_id}, vault {plan.vault.conn_id}."
        doc = text.protecting or doc
    parts = [
        doc,
        head,
        plan.description,
        when and f"**When:** {when}.",
        f"**Before:** {text.before}",
        f"**If it fails:** {text.fails}",
        f"**To go back:** {text.back}",
        f"**More:** {_link('runbook', 'the runbook for the night')}, {_link(text.page, 'how to')}.",
    ]
    return "\n\n".join(part.strip() for part in parts if part).replace("{name}", plan.name)


def _link(page: str, words: str) -> str:
    address = os.environ.get(DOCS_VARIABLE, "").rstrip("/")
    return f"[{words}]({address}/how-to/{page}.html)" if address else f"{words} (`docs/how-to/{page}.md`)"
