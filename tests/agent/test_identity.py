"""Who is asking, in which session: from verified headers only."""

import base64
import json

import pytest

from agent.identity import (
    AUTHORIZATION,
    REQUEST_HEADER,
    SDK_INVOCATION_HEADER,
    SESSION_HEADER,
    USER_HEADER,
    Caller,
    IdentityInvalid,
    IdentityRules,
    address,
    identify,
)
from agent.requests import QueryRequest, RequestInvalid

JWT = IdentityRules(tenant="house", jwt=True)


def bearer(claims: object) -> dict[bytes, str]:
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256"}, claims)]
    token = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    return {AUTHORIZATION: f"Bearer {token}.signature"}


def test_the_platforms_user_header_names_the_user() -> None:
    assert identify({USER_HEADER: "ann"}, IdentityRules(tenant="t")) == Caller("t", "ann")


def test_without_a_header_tenant_and_user_are_those_of_the_settings() -> None:
    assert identify({}, IdentityRules(tenant="t", user="u")) == Caller("t", "u")


@pytest.mark.parametrize("user", ["", "   ", "a\x00b", "a\nb", "u" * 1025])
def test_a_user_header_that_is_no_name_is_refused(user: str) -> None:
    with pytest.raises(RequestInvalid):
        identify({USER_HEADER: user}, IdentityRules())


def test_a_token_names_tenant_and_user_and_overrules_the_header() -> None:
    headers = bearer({"sub": "ann", "tenant": "acme"}) | {USER_HEADER: "eve"}

    assert identify(headers, JWT) == Caller("acme", "ann")


def test_the_tenant_claim_can_be_chosen_and_may_be_absent() -> None:
    rules = IdentityRules(tenant="house", jwt=True, tenant_claim="org")

    assert identify(bearer({"sub": "ann", "org": "acme"}), rules) == Caller("acme", "ann")
    assert identify(bearer({"sub": "ann"}), rules) == Caller("house", "ann")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {USER_HEADER: "ann"},
        {AUTHORIZATION: "Basic YTpi"},
        {AUTHORIZATION: "Bearer"},
        {AUTHORIZATION: "Bearer a.b"},
        {AUTHORIZATION: "Bearer a.%%.c"},
        {AUTHORIZATION: "Bearer a.YWJj.c"},
        {AUTHORIZATION: "Bearer a.\xe4.c"},
        bearer([]),
        bearer({}),
        bearer({"sub": 5}),
        bearer({"sub": ""}),
        bearer({"sub": "ann", "tenant": ["acme"]}),
        bearer({"sub": "ann", "tenant": None}),
    ],
)
def test_with_tokens_as_identity_nothing_else_counts(headers: dict[bytes, str]) -> None:
    with pytest.raises(IdentityInvalid):
        identify(headers, JWT)


def test_ids_come_from_headers_before_the_body() -> None:
    request = QueryRequest(query="x", session_id="body-session", request_id="body-request")

    by_header = address({SESSION_HEADER: "head", REQUEST_HEADER: "id"}, request, is_stand_in=False)
    by_body = address({}, request, is_stand_in=False)

    assert by_header == ("head", "id", False, True)
    assert by_body == ("body-session", "body-request", False, True)


def test_ids_that_nobody_gives_are_new_each_time() -> None:
    one, two = (address({}, QueryRequest(query="x"), is_stand_in=False) for _ in range(2))

    assert one.session_id != two.session_id
    assert one.request_id != two.request_id
    assert one.is_new_session
    assert not one.can_repeat


def test_boto3s_invocation_id_counts_only_where_no_platform_stands_between() -> None:
    headers = {SDK_INVOCATION_HEADER: "once"}
    request = QueryRequest(query="x")

    assert address(headers, request, is_stand_in=True).request_id == "once"
    assert address(headers, request, is_stand_in=False).request_id != "once"


@pytest.mark.parametrize("session_id", ["", "-a", "_a", "a b", "a/b", "ä", "a\n", "a" * 257])
def test_a_session_header_of_another_form_is_refused(session_id: str) -> None:
    with pytest.raises(RequestInvalid, match="session id header"):
        address({SESSION_HEADER: session_id}, QueryRequest(query="x"), is_stand_in=False)


@pytest.mark.parametrize("session_id", ["a", "local-dev-session", "a" * 256, "0_-"])
def test_session_headers_of_local_clients_and_of_the_platform_are_taken(session_id: str) -> None:
    found = address({SESSION_HEADER: session_id}, QueryRequest(query="x"), is_stand_in=False)

    assert found.session_id == session_id


def test_a_request_header_of_another_form_is_refused() -> None:
    with pytest.raises(RequestInvalid, match="request id header"):
        address({REQUEST_HEADER: "a b"}, QueryRequest(query="x"), is_stand_in=False)
