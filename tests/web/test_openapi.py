"""What the description promises is kept, whatever is asked."""

from __future__ import annotations

import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from ferda.web.described import PROBLEM

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
CALM = settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def test_drawn_requests(make) -> None:
    """Every door, a few draws each: a documented status and shape, never a mistake of ours."""
    client = make(work={"video": lambda *_: None, "adapt": lambda *_: None}, jobs=3)
    description = schemathesis.openapi.from_dict(client.get("/openapi.json").json())
    seen = set()

    def asked(case: schemathesis.Case) -> None:
        sent = requests.Request(**case.as_transport_kwargs(base_url="http://localhost")).prepare()
        answer = client.request(
            str(sent.method), str(sent.url), content=sent.body, headers={**sent.headers, "Host": "localhost"}
        )
        case.validate_response(answer, checks=CHECKS)
        seen.add(case.path)

    for found in description.get_all_operations():
        CALM(given(case=found.ok().as_strategy())(asked))()
    assert seen == set(client.get("/openapi.json").json()["paths"])


def test_every_refusal_is_described_alike(client) -> None:
    for path, doors in client.get("/openapi.json").json()["paths"].items():
        for method, door in doors.items():
            for status, answer in door["responses"].items():
                if int(status) >= 400:
                    assert answer["content"] == PROBLEM["content"], (path, method, status)
