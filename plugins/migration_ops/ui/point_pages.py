"""The pages of one restore point: what it holds, what is out and why, what the rules made of it."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from migration_ops.migration.report_page.model import FindingLine
from migration_ops.ui.access import MAY_READ_OBJECTS, MAY_READ_PLAN
from migration_ops.ui.asking import MISSING, PointName, View, find_point, missing, not_known
from migration_ops.ui.changes import ChangeLine, change_lines
from migration_ops.ui.object_lists import object_lines, out_lines
from migration_ops.ui.paging import Page, PageNumber, SearchText, cut, matching
from migration_ops.ui.plan_state import PointLine, Record, point_line
from migration_ops.ui.plan_view import PlanView, without_secrets
from migration_ops.ui.point_contents import (
    Adaptation,
    ClaimLine,
    Contents,
    Identity,
    LeftOutLine,
    ObjectLine,
)
from migration_ops.ui.rendering import page
from migration_ops.ui.vault_index import PlanSlips, PointSlips

router = APIRouter(
    dependencies=[MAY_READ_PLAN, MAY_READ_OBJECTS],
    responses=MISSING,
)
_ROOT = "/plans/{plan}/points/{point}"
_API = "/api" + _ROOT

KindName = Annotated[str, Query(alias="kind", max_length=100, pattern=r"^[A-Za-z0-9]*$")]
ObjectKey = Annotated[str, Query(min_length=1, max_length=1000, description="`GROUP/KIND/NAMESPACE/NAME`.")]


class PointDetail(Record):
    """A restore point.

    :param parent: the point before, with which it was compared.
    :param kinds: number of objects by kind.
    :param rules: number of changes by rule; none if the rules weren't run on this point.
    """

    line: PointLine
    parent: str | None = None
    cluster: str = ""
    cluster_version: str = ""
    kinds: dict[str, int] = {}
    left_out: int = 0
    dropped: int = 0
    rules: dict[str, int] | None = None
    warnings: list[str] = []


class ObjectDetail(Record):
    """An object and what the rules changed in it."""

    line: ObjectLine
    changes: list[ChangeLine] = []


@router.get(_ROOT, response_class=HTMLResponse)
async def point_page(request: Request, view: View, point: PointName) -> HTMLResponse:
    """A restore point."""
    return _page(request, view, point, "point.html.j2", detail=await point_detail(view, point))


@router.get(_API)
async def point_detail(view: View, point: PointName) -> PointDetail | None:
    """A restore point as JSON; nothing while the vault can't be asked."""
    found = await find_point(view, point)
    if found is None:
        return None
    contents, adaptation = await _opened(view, found)
    detail = PointDetail(line=point_line(found[1]))
    if contents:
        record = contents.record
        detail = detail.model_copy(
            update={
                "parent": record.parent,
                "cluster": record.cluster.name,
                "cluster_version": record.cluster.version,
                "kinds": record.objects,
                "left_out": len(contents.left_out),
                "warnings": record.warnings,
            }
        )
    if adaptation:
        detail = detail.model_copy(update={"rules": adaptation.rules, "dropped": len(adaptation.dropped)})
    return detail


@router.get(_ROOT + "/claims", response_class=HTMLResponse)
async def claims_page(
    request: Request, view: View, point: PointName, q: SearchText = "", number: PageNumber = 1
) -> HTMLResponse:
    """The claims of a restore point."""
    return _page(request, view, point, "claims.html.j2", result=await claim_list(view, point, q, number))


@router.get(_API + "/claims")
async def claim_list(
    view: View, point: PointName, q: SearchText = "", number: PageNumber = 1
) -> Page[ClaimLine]:
    """The claims of a restore point as JSON."""
    found = await find_point(view, point)
    contents = await view.contents(found[1]) if found else None
    lines = matching(
        contents.claims() if contents else [],
        q,
        lambda one: f"{one.namespace}/{one.claim} {one.storage_class}".lower(),
    )
    return cut(lines, number, q=q)


@router.get(_ROOT + "/objects", response_class=HTMLResponse)
async def objects_page(
    request: Request,
    view: View,
    point: PointName,
    q: SearchText = "",
    kind_name: KindName = "",
    number: PageNumber = 1,
) -> HTMLResponse:
    """The objects of a restore point."""
    found = await find_point(view, point)
    contents, adaptation = await _opened(view, found)
    result = _objects(contents, adaptation, q, kind_name, number)
    kinds = sorted({one.kind for one in contents.objects}) if contents else []
    return _page(request, view, point, "objects.html.j2", result=result, kinds=kinds)


@router.get(_API + "/objects")
async def object_list(
    view: View, point: PointName, q: SearchText = "", kind_name: KindName = "", number: PageNumber = 1
) -> Page[ObjectLine]:
    """The objects of a restore point as JSON, with the number of changes that the rules made in each."""
    found = await find_point(view, point)
    contents, adaptation = await _opened(view, found)
    return _objects(contents, adaptation, q, kind_name, number)


def _objects(
    contents: Contents | None, adaptation: Adaptation | None, q: str, kind_name: str, number: int
) -> Page[ObjectLine]:
    if not contents:
        return cut([], number, q=q, kind=kind_name)
    chosen = [one for one in contents.objects if not kind_name or one.kind == kind_name]
    lines = matching(
        chosen, q, lambda one: f"{one.group}/{one.kind}/{one.namespace}/{one.name} {one.reason}".lower()
    )
    result = cut(lines, number, q=q, kind=kind_name)
    return result.model_copy(update={"items": object_lines(result.items, adaptation)})


@router.get(_ROOT + "/out", response_class=HTMLResponse)
async def out_page(
    request: Request, view: View, point: PointName, q: SearchText = "", number: PageNumber = 1
) -> HTMLResponse:
    """What isn't part of a restore point, or doesn't go to the target."""
    return _page(request, view, point, "out.html.j2", result=await out_list(view, point, q, number))


@router.get(_API + "/out")
async def out_list(
    view: View, point: PointName, q: SearchText = "", number: PageNumber = 1
) -> Page[LeftOutLine]:
    """The same as JSON."""
    found = await find_point(view, point)
    contents, adaptation = await _opened(view, found)
    if not contents:
        return cut([], number, q=q)
    lines = out_lines(contents, adaptation)
    return cut(matching(lines, q, lambda one: f"{one.object} {one.reason} {one.origin}".lower()), number, q=q)


@router.get(_ROOT + "/findings", response_class=HTMLResponse)
async def findings_page(
    request: Request, view: View, point: PointName, q: SearchText = "", number: PageNumber = 1
) -> HTMLResponse:
    """What the rules found in a restore point."""
    result = await finding_list(view, point, q, number)
    found = await find_point(view, point)
    ran = found is not None and point in found[0].adapted
    return _page(request, view, point, "findings.html.j2", result=result, ran=ran)


@router.get(_API + "/findings")
async def finding_list(
    view: View, point: PointName, q: SearchText = "", number: PageNumber = 1
) -> Page[FindingLine]:
    """The same as JSON, the worst first."""
    found = await find_point(view, point)
    if not found:
        return cut([], number, q=q)
    adaptation, secrets = await asyncio.gather(view.adaptation(*found), view.secrets(found[1]))
    if not adaptation:
        return cut([], number, q=q)
    shown = without_secrets(adaptation.findings, secrets)
    text = matching(shown, q, lambda one: f"{one.severity} {one.object} {one.text} {one.origin}".lower())
    return cut(text, number, q=q)


@router.get(_ROOT + "/object", response_class=HTMLResponse)
async def object_page(request: Request, view: View, point: PointName, key: ObjectKey) -> HTMLResponse:
    """What the rules changed in one object."""
    return _page(
        request, view, point, "object.html.j2", detail=await object_detail(view, point, key), key=key
    )


@router.get(_API + "/object")
async def object_detail(view: View, point: PointName, key: ObjectKey) -> ObjectDetail | None:
    """The same as JSON; nothing while the vault can't be asked."""
    found = await find_point(view, point)
    contents, adaptation = await _opened(view, found)
    if not found or not contents:
        return None
    line = next((one for one in contents.objects if one.key == key), None)
    if line is None:
        raise missing(f"The restore point has no object {key}; its list of objects has their names.")
    if adaptation is None:
        return ObjectDetail(line=line)
    changes = adaptation.changes.get(Identity.of(line), [])
    secrets = await view.secrets(found[1]) if line.kind != "Secret" else frozenset[str]()
    shown = change_lines(changes, line.kind, secrets, _fingerprint_key())
    return ObjectDetail(line=object_lines([line], adaptation)[0], changes=shown)


async def _opened(
    view: PlanView, found: tuple[PlanSlips, PointSlips] | None
) -> tuple[Contents | None, Adaptation | None]:
    """What a point holds and what the rules made of it: read at once, so that nobody waits for both."""
    if found is None:
        return None, None
    contents, adaptation = await asyncio.gather(view.contents(found[1]), view.adaptation(*found))
    return contents, adaptation


def _page(request: Request, view: PlanView, point: str, template: str, **values: Any) -> HTMLResponse:
    answer = page(request, template, plan=view.plan.name, point=point, troubles=view.troubles, **values)
    return not_known(answer) if view.silent else answer


def _fingerprint_key() -> bytes:
    from airflow.configuration import conf

    return hashlib.sha256(b"migration-ops fingerprints" + conf.get("api", "secret_key").encode()).digest()
