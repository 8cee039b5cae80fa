"""Parameters that rule sets declare: defaults, types, and refusal of what no set knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from migration_ops.bad_input import kind_of
from migration_ops.transform.errors import ParameterError
from migration_ops.transform.parameters import Parameters, merged
from migration_ops.transform.rules import Parameter, RuleSet

TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "number": (int, float),
    "boolean": (bool,),
    "mapping": (dict,),
    "list": (list,),
}

TYPE_NAMES = {
    "text": "text",
    "number": "a number",
    "boolean": "true or false",
    "mapping": "a mapping",
    "list": "a list",
}


def resolve_params(rule_sets: Sequence[RuleSet], parameters: Parameters) -> dict[str, Any]:
    """Lay the plan's `params` over the defaults of all rule sets.

    :param rule_sets: the sets that declare parameters.
    :param parameters: what the plan says.
    :raises ParameterError: naming a parameter that no set declares, or whose value has another type.
    """
    declared: dict[str, Parameter] = {}
    for rule_set in rule_sets:
        declared = {**rule_set.parameters, **declared}
    unknown = sorted(set(parameters.params) - set(declared))
    if unknown:
        near = get_close_matches(unknown[0], declared, n=1)
        meant = f"did you mean {near[0]}? " if near else ""
        raise ParameterError(
            f"no rule set knows the parameter {', '.join(unknown)}; {meant}"
            f"known are {', '.join(sorted(declared)) or 'none'}"
        )
    resolved = {}
    for name, parameter in declared.items():
        value = parameter.default
        if name in parameters.params:
            value = merged(parameter.default, _checked(name, parameter, parameters.params[name]))
        resolved[name] = value
    return resolved


def _checked(name: str, parameter: Parameter, value: Any) -> Any:
    if isinstance(value, str) and parameter.type in {"number", "boolean"}:
        value = _read(value)  # `--param name=1` gives text
    if isinstance(value, Mapping):
        value = dict(value)
    if not isinstance(value, TYPES[parameter.type]) or (
        isinstance(value, bool) and parameter.type == "number"
    ):
        raise ParameterError(
            f"params.{name} must be {TYPE_NAMES[parameter.type]} ({parameter.description}), "
            f"not {kind_of(value)}"
        )
    return value


def _read(text: str) -> Any:
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text
