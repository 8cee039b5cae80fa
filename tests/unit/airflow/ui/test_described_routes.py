"""Whatever the routes' description allows, and much that it doesn't, is answered as described."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from .conftest import SECRET_VALUE, STORE_KEY, VAULT_PASSWORD, encoded
from .routes import KNOWN

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    unsupported_method,
    allow_header_conformance,
]
"""All that apply: nothing is made or deleted here, and who is refused is told by `test_who_may_see_what`."""
MARKERS = [SECRET_VALUE, encoded(SECRET_VALUE), encoded(SECRET_VALUE + "2"), VAULT_PASSWORD, STORE_KEY]
KEYS = ["core/ConfigMap/shop/settings", "core/Secret/shop/keys", "apps/Deployment/shop/web"]
DESCRIPTION = "/openapi.json"
READING = 503
ANSWERED = 200

_few = settings(
    max_examples=6,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def operations(application):
    """All operations of the description, which isn't among them: it is asked for here."""
    schema = schemathesis.openapi.from_asgi(DESCRIPTION, application)
    schema.config.generation.update(modes=list(GenerationMode))
    return [result.ok() for result in schema.get_all_operations()]


def try_names_of_its_own(operation, mode):
    """Ask with whatever schemathesis thinks of; returns the answers' status codes.

    :param mode: as described, or in other ways.
    """
    statuses = set()

    @_few
    @given(operation.as_strategy(generation_mode=mode))
    def run(case) -> None:
        statuses.add(case.call_and_validate(checks=CHECKS, timeout=120).status_code)

    run()
    return statuses


def try_what_there_is(operation):
    """Ask for what there is, with queries that schemathesis thinks of; returns the answers' status codes."""
    statuses = set()

    @_few
    @given(operation.as_strategy(), st.sampled_from(KEYS), st.booleans())
    def run(case, key, of_an_object) -> None:
        case.path_parameters = {name: KNOWN[name] for name in case.path_parameters or {}}
        if of_an_object and "key" in (case.query or {}):
            case.query["key"] = key
        for _ in range(600):
            answer = case.call(timeout=120)
            if answer.status_code != READING:
                break
        case.validate_response(answer, checks=CHECKS)
        assert not [marker for marker in MARKERS if marker in answer.text]
        statuses.add(answer.status_code)

    run()
    return statuses


@pytest.mark.parametrize(
    ("mode", "answers"), [(GenerationMode.POSITIVE, {200, 404}), (GenerationMode.NEGATIVE, {422})]
)
def test_schemathesis_finds_nothing_with_names_of_its_own(pages, mode, answers):
    statuses = [
        try_names_of_its_own(one, mode)
        for one in operations(pages().application)
        if mode is GenerationMode.POSITIVE or list(one.iter_parameters())
    ]
    assert answers <= set().union(*statuses)


def test_schemathesis_finds_nothing_where_there_is_something_and_every_route_answers(pages):
    application = pages().application
    statuses = {one.path: try_what_there_is(one) for one in operations(application)}
    assert {*statuses, DESCRIPTION} == {route.path for route in application.routes}
    assert {path: said for path, said in statuses.items() if ANSWERED not in said} == {}
