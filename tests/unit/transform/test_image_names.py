"""Names of images: prefixes end where a part of the name ends; entries that can't be meant are refused."""

from __future__ import annotations

import pytest

from migration_ops.transform import ParameterError, Parameters
from migration_ops.transform.images import map_image

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("image", "registries", "became"),
    [
        ("registry.corp/x:1", {"registry.corp": "acr.example.com"}, "acr.example.com/x:1"),
        ("registry.corp:5000/team/app:1", {"registry.corp": "acr.example.com"}, None),
        ("registry.corp.local/x", {"registry.corp": "acr.example.com"}, None),
        (
            "registry.corp:5000/x",
            {"registry.corp:5000": "acr.example.com", "registry.corp": "b.example.com"},
            "acr.example.com/x",
        ),
        ("gcr.io/shop-admin/api:1", {"gcr.io/shop": "acr.example.com/shop"}, None),
        ("gcr.io/shop/api:1", {"gcr.io/shop": "acr.example.com/shop"}, "acr.example.com/shop/api:1"),
        ("gcr.io/shop:1", {"gcr.io/shop": "acr.example.com/s"}, "acr.example.com/s:1"),
        (f"gcr.io/shop@{DIGEST}", {"gcr.io/shop": "acr.example.com/s"}, f"acr.example.com/s@{DIGEST}"),
        ("nginx", {"docker.io/": "acr.example.com/hub"}, "acr.example.com/hub/library/nginx"),
        ("registry-1.docker.io/z/y", {"docker.io": "acr.example.com"}, "acr.example.com/z/y"),
        ("acr.example.com/x", {"quay.io": "acr.example.com"}, None),
        ("acr.example.com.evil/x", {"acr.example.com.evil": "acr.example.com"}, "acr.example.com/x"),
        ("{{ image }}", {"docker.io": "acr.example.com"}, None),
    ],
)
def test_a_prefix_ends_at_a_boundary(image: str, registries: dict[str, str], became: str | None) -> None:
    Parameters(image_registries=registries)

    assert map_image(image, registries) == became


@pytest.mark.parametrize(
    ("registries", "told"),
    [
        ({"docker.io": ""}, "is no registry"),
        ({"docker.io": "https://acr.example.com"}, "is no registry"),
        ({"docker.io": "acr.example.com/with space"}, "is no registry"),
        ({"bitnami": "acr.example.com"}, "docker.io/bitnami"),
        ({"": "acr.example.com"}, "docker.io"),
        ({"quay.io": "a.example.com", "quay.io/": "b.example.com"}, "one prefix"),
        (
            {"docker.io": "a.example.com", "a.example.com/old": "a.example.com/new"},
            "no image would ever meet",
        ),
    ],
)
def test_an_entry_that_cannot_be_meant_is_refused(registries: dict[str, str], told: str) -> None:
    with pytest.raises(ParameterError, match=told):
        Parameters(image_registries=registries)
