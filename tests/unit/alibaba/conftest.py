"""The fake API, and a service that talks to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from migration_ops.alibaba import Access, ContainerService
from migration_ops.alibaba.kubeconfig import forget_kubeconfigs

from .fake_container_service import KEY_ID, KEY_SECRET, REGION, FakeContainerService, serving


@pytest.fixture
def api() -> Iterator[FakeContainerService]:
    """A fresh account."""
    forget_kubeconfigs()
    with serving() as fake:
        yield fake


@pytest.fixture
def service(api: FakeContainerService) -> ContainerService:
    """The API as the account's key sees it."""
    return ContainerService(Access(KEY_ID, KEY_SECRET, REGION, endpoint=api.address), retry_seconds=8)
