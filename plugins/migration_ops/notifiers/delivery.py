"""Handing a message to the notifiers that a plan names; whatever they do, the run goes on.

A notifier is somebody else's program that talks to somebody else's server: it may be missing, raise, or hang.
It gets a thread of its own and a little time; what goes wrong is a line in the log.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from airflow.sdk import BaseNotifier
from airflow.sdk._shared.secrets_masker import redact
from airflow.sdk.module_loading import import_string  # type: ignore[attr-defined]

from migration_ops.migration.plan_notify import Notify
from migration_ops.notifiers.message import Message

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 30.0
"""How long one notifier may take."""

_TITLES = ("subject", "title")
_TEXTS = ("text", "message", "body", "content", "description")


def deliver(notify: Sequence[Notify], message: Message, context: Mapping[str, Any]) -> int:
    """Tell everybody who wants to hear of this occasion; returns how many notifiers took the message.

    :param context: of the task, for templates in the notifiers' arguments.
    """
    said = 0
    for entry in notify:
        if message.occasion in entry.on:
            problems: list[BaseException] = []
            thread = threading.Thread(
                target=_deliver_one, args=(entry, message, context, problems), daemon=True
            )
            thread.start()
            thread.join(PATIENCE_SECONDS)
            if thread.is_alive():
                log.warning("%s did not answer in %.0f s: left alone", entry.notifier, PATIENCE_SECONDS)
            elif problems:
                _complain(entry, problems[0])
            else:
                log.info("Told through %s: %s", entry.notifier, message.title)
                said += 1
    return said


async def deliver_async(notify: Sequence[Notify], message: Message, context: Mapping[str, Any]) -> int:
    """The same in a triggerer, whose event loop must not wait."""
    said = 0
    for entry in notify:
        if message.occasion in entry.on:
            problems: list[BaseException] = []
            try:
                work = asyncio.to_thread(_deliver_one, entry, message, context, problems)
                await asyncio.wait_for(work, PATIENCE_SECONDS)
            except TimeoutError as error:
                problems.append(error)
            if problems:
                _complain(entry, problems[0])
            else:
                said += 1
    return said


def make_notifier(entry: Notify) -> BaseNotifier:
    """The notifier with its arguments; those that take a text and aren't given get the message's.

    :raises TypeError: if the path doesn't lead to a notifier.
    """
    kind = import_string(entry.notifier)
    if not (inspect.isclass(kind) and issubclass(kind, BaseNotifier)):
        raise TypeError(f"{entry.notifier} is no Airflow notifier (a subclass of BaseNotifier)")
    takes = inspect.signature(kind).parameters
    given = dict(entry.kwargs)
    for names, template in ((_TITLES, "{{ message.title }}"), (_TEXTS, "{{ message.text }}")):
        if wanted := next((name for name in names if name in takes), None):
            given.setdefault(wanted, template)
    if "html_content" in takes:
        given.setdefault("html_content", "{{ message.html }}")
    if "json" in takes and "data" not in given:
        given.setdefault("json", {name: f"{{{{ message.data['{name}'] }}}}" for name in _DATA})
    return kind(**given)


_DATA = ("occasion", "plan", "title", "text", "url")


def _deliver_one(
    entry: Notify, message: Message, context: Mapping[str, Any], problems: list[BaseException]
) -> None:
    try:
        notifier = make_notifier(entry)
        # Whatever Airflow knows to be secret doesn't leave it, wherever the text came from.
        clean = replace(message, title=str(redact(message.title)), body=str(redact(message.body)))
        full: Any = {**context, "message": clean}
        notifier.render_template_fields(full)
        notifier.notify(full)
    except Exception as error:  # noqa: BLE001 - a notifier may raise anything; the run must go on
        problems.append(error)


def _complain(entry: Notify, error: BaseException) -> None:
    log.warning("%s could not tell: %s: %s", entry.notifier, type(error).__name__, redact(str(error)))
