"""The description is honest enough that a fuzzer finds nothing."""

import schemathesis
from hypothesis import HealthCheck, settings

from tests.agent.echo import EchoRunner, make_echo_app

APP = make_echo_app(EchoRunner())
SCHEMA = schemathesis.openapi.from_asgi("/openapi.json", APP)


@SCHEMA.parametrize()
@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_no_request_gets_a_server_error_or_an_undescribed_answer(case: schemathesis.Case) -> None:
    case.call_and_validate()
