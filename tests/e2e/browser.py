"""Chromium without a window, logged in to the demo's Airflow."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import httpx
import tenacity
from playwright.sync_api import Browser, Error, Page, expect, sync_playwright

from tests.demo.airflow_stack import USER, AirflowStack
from tests.lab.packages import install_packages
from tests.lab.progress import Progress

PACKAGES = ("chromium", "fonts-dejavu-core")
_QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
_PATIENCE_SECONDS = 60


def chromium() -> str:
    """Return the program; installed as the lab's own packages are, if it is missing."""
    if shutil.which("chromium") is None:
        with Progress() as progress:
            install_packages(PACKAGES, progress, Path(tempfile.gettempdir()) / "migration-ops-chromium.log")
    found = shutil.which("chromium")
    assert found, "Debian's package chromium is installed, but there is no program of that name"
    return found


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser that is closed at the end."""
    expect.set_options(timeout=1000 * _PATIENCE_SECONDS)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium(), args=list(_QUIET))
        try:
            yield running
        finally:
            running.close()


@contextmanager
def logged_in(
    running: Browser, airflow: AirflowStack, scheme: Literal["light", "dark"] = "light"
) -> Iterator[Page]:
    """A tab of somebody who is logged in to Airflow; fails if a script of ours fails.

    :param scheme: the colours that the system asks for
    """
    login = {"username": USER, "password": airflow.password}
    answer = httpx.post(f"{airflow.address}/auth/token", json=login, timeout=_PATIENCE_SECONDS)
    answer.raise_for_status()
    context = running.new_context(
        base_url=airflow.address, viewport={"width": 1280, "height": 900}, color_scheme=scheme
    )
    context.add_cookies([{"name": "_token", "value": answer.json()["access_token"], "url": airflow.address}])
    page = context.new_page()
    page.set_default_timeout(1000 * _PATIENCE_SECONDS)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    try:
        yield page
        assert not [error for error in errors if "/migration-ops/" in error]
    finally:
        context.close()


def _network_changed(fault: BaseException) -> bool:
    return isinstance(fault, Error) and "ERR_NETWORK_CHANGED" in fault.message


@tenacity.retry(
    retry=tenacity.retry_if_exception(_network_changed),
    stop=tenacity.stop_after_attempt(5),
    wait=tenacity.wait_fixed(1),
    reraise=True,
)
def visit(page: Page, path: str) -> None:
    """Open a page, again if Chromium gives up because an address of the machine came or went meanwhile.

    It then drops every request that waits for a connection, to 127.0.0.1 too; a person presses *Reload*.
    """
    page.goto(path)
