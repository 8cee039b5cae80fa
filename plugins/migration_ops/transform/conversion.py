"""Bringing an object to the best API version that the target serves."""

from __future__ import annotations

from migration_ops.transform.context import Context
from migration_ops.transform.draft import Draft
from migration_ops.transform.objects import Parts
from migration_ops.transform.registry import Converter, converters
from migration_ops.transform.rules import ConvertAction


class CannotConvertError(Exception):
    """An object uses what the version to convert to can't express.

    :param reason: what that is.
    :param suggestion: what to do about it.
    """

    def __init__(self, reason: str, suggestion: str) -> None:
        super().__init__(reason)
        self.suggestion = suggestion


class Conversion:
    """A compiled `convert` action.

    :param spec: the action.
    """

    def __init__(self, spec: ConvertAction) -> None:
        self.versions = spec.versions
        self.converter: Converter | None = converters()[spec.using] if spec.using else None

    def __call__(self, draft: Draft, _base: Parts, context: Context) -> None:
        """Convert the object if the target prefers another version; report a blocker if it has none.

        :param draft: the object.
        :param _base: unused: versions are of whole objects.
        :param context: knows the target.
        """
        kind, current = draft.manifest["kind"], draft.manifest["apiVersion"]
        served = context.served
        if any(
            version.api_version == current
            and version.removed is None
            and served.serves(current, kind, version.since, None)
            for version in self.versions
        ):
            return  # a version that never goes away is as good as another
        best = next(
            (
                version.api_version
                for version in self.versions
                if served.serves(version.api_version, kind, version.since, version.removed)
            ),
            None,
        )
        if best == current:
            return
        if best is None:
            if served.serves(current, kind, None, None) and served.is_listed:
                return
            draft.find(
                "blocker",
                f"{served.described} has no version of {kind} that {current} can be converted to",
                "leave the object out, or replace it by something that the target serves",
            )
            return
        try:
            if self.converter is not None:
                self.converter(draft, best, context)
        except CannotConvertError as error:
            draft.find("blocker", f"{current} {kind} can't become {best}: {error}", error.suggestion)
            return
        draft.set(("apiVersion",), best)


def compile_conversion(spec: ConvertAction) -> Conversion:
    """Make a function of a `convert` action.

    :param spec: the action.
    """
    return Conversion(spec)
