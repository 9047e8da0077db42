"""The description is fresh, and honest enough that a fuzzer finds nothing."""

import schemathesis
from hypothesis import HealthCheck, settings

from agent.openapi import FILE, openapi_text
from tests.agent.echo import EchoRunner, make_echo_app

APP = make_echo_app(EchoRunner())
SCHEMA = schemathesis.openapi.from_asgi("/openapi.json", APP)


def test_the_file_is_what_the_models_say_now() -> None:
    assert FILE.read_text(encoding="utf-8") == openapi_text(), "write it again: make docs"


@SCHEMA.parametrize()
@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_no_request_gets_a_server_error_or_an_undescribed_answer(case: schemathesis.Case) -> None:
    case.call_and_validate()
