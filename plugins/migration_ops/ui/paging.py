"""Long lists, a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar
from urllib.parse import urlencode

from fastapi import Query

from migration_ops.ui.plan_state import Record

T = TypeVar("T")

PAGE_SIZE = 50

SearchText = Annotated[str, Query(max_length=200, description="Words that must all occur, in any case.")]
PageNumber = Annotated[int, Query(alias="page", ge=1, le=1_000_000, description="Counted from 1.")]


class Page(Record, Generic[T]):
    """One page of a list.

    :param total: how many match.
    :param page: this page's number; of a page that there isn't, the last one is given.
    """

    items: list[T]
    total: int
    page: int
    pages: int
    q: str = ""
    kind: str = ""

    def query(self, page: int) -> str:
        """The query of another page's address."""
        given = {"q": self.q, "kind": self.kind, "page": page}
        return urlencode({name: value for name, value in given.items() if value})


def cut(items: Sequence[T], page: int, *, q: str = "", kind: str = "", size: int = PAGE_SIZE) -> Page[T]:
    """One page of what matched.

    :param q: what was searched for; only handed on.
    """
    pages = max(1, -(-len(items) // size))
    number = min(page, pages)
    shown = list(items[(number - 1) * size : number * size])
    return Page[T](items=shown, total=len(items), page=number, pages=pages, q=q, kind=kind)


def matching(items: Sequence[T], q: str, text: Callable[[T], str]) -> Sequence[T]:
    """Those items whose text has all words of a search.

    :param text: of an item, in lower case.
    """
    words = q.lower().split()
    if not words:
        return items
    return [item for item in items if all(word in text(item) for word in words)]
