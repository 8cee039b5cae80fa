"""Images: names mapped to the target's registries."""

from __future__ import annotations

from fnmatch import fnmatchcase

from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.images import full_name, map_image
from migration_ops.transform.objects import Parts
from migration_ops.transform.paths import compiled
from migration_ops.transform.registry import adapter


@adapter("map-image")
def map_container_image(draft: Draft, base: Parts, context: Context) -> None:
    """Map a container's image by the longest prefix in `image_registries`.

    :param draft: the object.
    :param base: the container.
    :param context: knows the mapping.
    """
    _map(draft, (*base, "image"), context)


@adapter("map-image-volumes")
def map_image_volumes(draft: Draft, base: Parts, context: Context) -> None:
    """Map the references of a pod's image volumes.

    :param draft: the object.
    :param base: the pod template.
    :param context: knows the mapping.
    """
    for index, volume in enumerate(draft.get((*base, "spec", "volumes")) or ()):
        if isinstance(volume, dict) and isinstance(volume.get("image"), dict):
            _map(draft, (*base, "spec", "volumes", index, "image", "reference"), context)


@adapter("map-image-fields")
def map_image_fields(draft: Draft, _base: Parts, context: Context) -> None:
    """Map images in fields of custom resources, as the parameter `image_fields` names them.

    :param draft: the object.
    :param _base: unused: paths are of whole objects.
    :param context: knows mapping and fields (`group/Kind` to JSONPaths).
    """
    group = draft.manifest["apiVersion"].rpartition("/")[0]
    for text in (context.param("image_fields") or {}).get(f"{group}/{draft.manifest['kind']}", ()):
        for parts, _ in compiled(text).find(draft.manifest):
            _map(draft, parts, context)


def _map(draft: Draft, place: Parts, context: Context) -> None:
    image = draft.get(place)
    if not isinstance(image, str) or not image:
        return
    mapped = map_image(image, context.parameters.image_registries)
    if mapped is not None:
        draft.set(place, mapped)
        draft.images.append((full_name(image), mapped))
        return
    registry = full_name(image).partition("/")[0]
    if any(fnmatchcase(registry, glob) for glob in context.param("cloud_registries") or ()):
        draft.find(
            "warning",
            f"the image {image} stays in {registry}, a registry of another cloud",
            f"copy it and map {registry}/ in image_registries, or give the target credentials for it",
        )
