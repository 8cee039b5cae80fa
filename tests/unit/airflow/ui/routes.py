"""Addresses of all routes, made from the application itself: a new route can't be forgotten."""

from __future__ import annotations

from typing import Any

from .conftest import INCREMENT, RUN

KNOWN = {
    "plan": "shop",
    "point": INCREMENT,
    "run": RUN,
    "namespace": "shop",
    "claim": "data",
    "name": "pages.css",
}
"""A value of each parameter of a path, of something that there is."""

QUERIES = {"/object": "?key=core/ConfigMap/shop/settings"}
"""What a route can't be asked without, by the end of its path."""


def patterns_of(application: Any) -> list[str]:
    """The paths of all routes, with their parameters."""
    found = [route.path for route in application.routes]
    assert len(found) > 20
    return found


def address_of(pattern: str) -> str:
    """A route's address with something that there is; a parameter that isn't in `KNOWN` is an error."""
    query = next((text for end, text in QUERIES.items() if pattern.endswith(end)), "")
    return pattern.format_map(KNOWN) + query


def addresses_of(application: Any) -> list[str]:
    """An address of each route."""
    return [address_of(pattern) for pattern in patterns_of(application)]
