"""Who is asking: tenant and user, only ever from headers that the platform has set or verified."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import uuid4

import orjson

from agent.asgi import EdgeRefused
from agent.requests import ID_PATTERN, REQUEST_ID_PATTERN, Request, RequestInvalid

SESSION_HEADER = b"x-amzn-bedrock-agentcore-runtime-session-id"
REQUEST_HEADER = b"x-amzn-bedrock-agentcore-runtime-request-id"
USER_HEADER = b"x-amzn-bedrock-agentcore-runtime-user-id"
SDK_INVOCATION_HEADER = b"amz-sdk-invocation-id"
"""The same for all attempts of one boto3 call; stands in where no platform gives a request id."""

AUTHORIZATION = b"authorization"
SAYS_WHO = frozenset([SESSION_HEADER, REQUEST_HEADER, USER_HEADER, AUTHORIZATION])
"""Headers that must not come twice."""

MAX_USER_CHARACTERS = 1024
"""As in the API of the platform."""

_SESSION_ID = re.compile(ID_PATTERN.removeprefix("^").removesuffix("$"))
_REQUEST_ID = re.compile(REQUEST_ID_PATTERN.removeprefix("^").removesuffix("$"))


class IdentityInvalid(EdgeRefused):
    """The bearer token is absent, or does not say who is asking."""

    code = "agent.identity_invalid"
    status = 401

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"The bearer token cannot be used: {problem}.",
            fix="Send `Authorization: Bearer <token>` with the token that the identity provider issued.",
        )


@dataclass(frozen=True, kw_only=True)
class IdentityRules:
    """Where tenant and user come from."""

    tenant: str = "local"
    """Of requests without a verified tenant."""

    user: str = "local"
    """Of requests without a verified user."""

    jwt: bool = False
    """Take both from the bearer token and nothing else; the platform has verified it, we do not."""

    tenant_claim: str = "tenant"


class Caller(NamedTuple):
    """Who is asking."""

    tenant: str
    user: str


class Address(NamedTuple):
    """Which session and request this is."""

    session_id: str
    request_id: str
    is_new_session: bool
    """The client named no session, so it got one."""

    can_repeat: bool
    """The client gave the request id, so it may come again."""


def identify(headers: Mapping[bytes, str], rules: IdentityRules) -> Caller:
    """Return who is asking.

    Raises:
        IdentityInvalid: identity comes from tokens, and this one is absent or malformed.
        RequestInvalid: the user header is blank, too long or not printable.
    """
    if rules.jwt:
        claims = _claims(headers.get(AUTHORIZATION, ""))
        tenant = claims.get(rules.tenant_claim, rules.tenant)
        return Caller(_name(tenant, rules.tenant_claim), _name(claims.get("sub"), "sub"))
    user = headers.get(USER_HEADER)
    if user is None:
        return Caller(rules.tenant, rules.user)
    if not _is_name(user):
        raise RequestInvalid(
            f"The user id header must hold 1 to {MAX_USER_CHARACTERS} printable characters, got {len(user)}.",
            fix="Send the id of the user, or leave the header out.",
        )
    return Caller(rules.tenant, user)


def address(headers: Mapping[bytes, str], request: Request, *, is_stand_in: bool) -> Address:
    """Return session and request id: from headers, else from the body, else new ones.

    `is_stand_in`: boto3 talks to us directly, where the platform would stand between.

    Raises:
        RequestInvalid: a header holds no such id.
    """
    named = headers.get(SESSION_HEADER)
    if named is None:
        named = request.session_id
    elif not _SESSION_ID.fullmatch(named):
        raise _header_invalid("session", named, "letters, digits, `-` and `_`")
    given = headers.get(REQUEST_HEADER)
    if given is None:
        given = request.request_id or (headers.get(SDK_INVOCATION_HEADER) if is_stand_in else None)
    if given is not None and not _REQUEST_ID.fullmatch(given):
        raise _header_invalid("request", given, "letters, digits and `-_.:/+=@`")
    return Address(named or str(uuid4()), given or str(uuid4()), named is None, given is not None)


def _header_invalid(kind: str, value: str, allowed: str) -> RequestInvalid:
    return RequestInvalid(
        f"The {kind} id header must hold 1 to 256 {allowed}, starting with a letter or digit, "
        f"got `{value[:80]}` ({len(value)} characters).",
        fix=f"Send a {kind} id of that form, for example a UUID, or leave the header out.",
    )


def _claims(authorization: str) -> dict[str, Any]:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise IdentityInvalid("there is none")
    parts = token.strip().split(".")
    if len(parts) != 3:
        raise IdentityInvalid("it is not a JSON web token")
    try:
        claims = orjson.loads(base64.b64decode(parts[1] + "=" * (-len(parts[1]) % 4), b"-_", validate=True))
    except ValueError:
        raise IdentityInvalid("its claims are not JSON") from None
    if not isinstance(claims, dict):
        raise IdentityInvalid("its claims are not an object")
    return claims


def _name(value: object, claim: str) -> str:
    if isinstance(value, str) and _is_name(value):
        return value
    raise IdentityInvalid(f"its claim `{claim}` is not a name")


def _is_name(value: str) -> bool:
    return 0 < len(value) <= MAX_USER_CHARACTERS and value.isprintable() and not value.isspace()
