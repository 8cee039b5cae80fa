"""``python -m tests.e2e.screenshots FOLDER``: pictures of every page of a running demo, for the docs.

Run it after ``make demo``. Look at what it has made before it goes into ``docs/images/ui``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, FloatRect, Page

from tests.demo.airflow_stack import AirflowStack
from tests.demo.progress import Progress
from tests.demo.workspace import Workspace
from tests.e2e.browser import browser, logged_in, visit

PLAN = "/migration-ops/plans/shop"
SETTLED_MS = 2500


def main() -> int:
    """Take all pictures."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.screenshots", description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    airflow = AirflowStack(Workspace(), Progress())
    if not airflow.address:
        print("no demo runs here: `make demo` starts one", file=sys.stderr)
        return 1
    with browser() as running:
        pages = addresses(running, airflow)
        for scheme, names in (("light", pages), ("dark", {f"{name}-dark": pages[name] for name in DARK})):
            with logged_in(running, airflow, scheme) as tab:  # type: ignore[arg-type]
                for name, address in names.items():
                    take(tab, address, folder / f"{name}.png", TALL.get(name, 0))
        with logged_in(running, airflow) as tab:
            tab.set_viewport_size({"width": 390, "height": 800})
            take(tab, PLAN, folder / "plan-narrow.png")
    return 0


DARK = ("plans", "plan", "object", "report")
TALL = {"plan": 1500, "run": 1130, "report": 1480}
"""Pages of which more than a window's height is shown, in pixels."""


def addresses(running: Browser, airflow: AirflowStack) -> Mapping[str, str]:
    """By picture, the page that it shows."""
    with logged_in(running, airflow) as tab:
        detail = answer(tab, PLAN)
        moved = next(one for one in detail["runs"] if one["stopped"])
        point = f"{PLAN}/points/{next(one for one in detail['points'] if one['kind'] == 'final')['id']}"
        approval = f"{moved['url']}/tasks/approve/required_actions"
    return {
        "dags": "/dags?tags=shop",
        "plans": "/plugin/migrations",
        "approval": approval,
        "plan": PLAN,
        "points": f"{PLAN}/points",
        "volume": f"{PLAN}/volumes/shop/data-db-0",
        "point": point,
        "claims": f"{point}/claims",
        "objects": f"{point}/objects?q=web",
        "object": f"{point}/object?key=apps/Deployment/shop/web",
        "out": f"{point}/out",
        "findings": f"{point}/findings",
        "runs": f"{PLAN}/runs",
        "run": f"{PLAN}/runs/{moved['run']}",
        "report": f"{PLAN}/runs/{moved['run']}/report",
    }


def answer(tab: Page, path: str) -> Any:
    """What the JSON of a page says, once its vault has been read."""
    address = path.replace("/migration-ops/", "/migration-ops/api/")
    for _ in range(60):
        found = tab.request.get(address)
        if found.ok and not any(one["reading"] for one in found.json().get("troubles") or []):
            return found.json()
        tab.wait_for_timeout(500)
    raise TimeoutError(f"{address} answers {found.status}: {found.text()[:500]}")


def take(tab: Page, address: str, file: Path, height: int = 0) -> None:
    """One picture.

    :param height: of what is shown, if that is more than the window.
    """
    visit(tab, address)
    tab.wait_for_timeout(SETTLED_MS)
    if height:
        clip: FloatRect = {"x": 0, "y": 0, "width": 1280, "height": height}
        tab.screenshot(path=file, full_page=True, clip=clip)
    else:
        tab.screenshot(path=file)
    print(file)


if __name__ == "__main__":
    sys.exit(main())
