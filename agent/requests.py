"""The wire format: what clients send to `/invocations`, and what they get back."""

import difflib
import hashlib
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from memory.errors import AgentError
from memory.turns import TurnReply

MAX_BODY_BYTES = 1024 * 1024
"""Longest body that is read; a query of 8000 characters needs a tenth of it, however it is escaped."""

SHOWN_CHARACTERS = 80
"""How much of a wrong value is repeated in the message about it."""

ID_PATTERN = "^[A-Za-z0-9][A-Za-z0-9_-]{0,255}$"
"""Session ids as the platform makes them; it sends 33 to 256 characters, local clients fewer."""

REQUEST_ID_PATTERN = "^[A-Za-z0-9][A-Za-z0-9._:/+=@-]{0,255}$"

IDENTITY_WORDS = ("user", "tenant", "actor")
"""Keys that start like this try to say who is asking."""

SessionId = Annotated[str, Field(pattern=ID_PATTERN)]
RequestId = Annotated[str, Field(pattern=REQUEST_ID_PATTERN)]
QueryText = Annotated[str, Field(max_length=8000, pattern=r"\S")]


def _whole(value: object) -> object:
    """JSON has one kind of number: `4.0` is a whole one."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Rating = Annotated[int, Field(ge=1, le=5), BeforeValidator(_whole)]


class RequestInvalid(AgentError):
    """A request cannot be understood: not JSON, a key that is not known, a value that does not fit."""

    code = "agent.request_invalid"

    def __init__(self, message: str, *, fix: str) -> None:
        super().__init__(message, fix=fix)


class Request(BaseModel):
    """What all requests have in common. Identity never comes from here, only from verified headers."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)

    session_id: SessionId | None = None
    """Session to go on with; only read when the session header is absent."""

    request_id: RequestId | None = None
    """A request sent again under the same id is answered again, not done again; only read when the
    request id header is absent."""

    def digest(self) -> bytes:
        """Return a digest of what is asked, whoever asks and however it is to be answered."""
        asked = self.model_dump(exclude={"session_id", "request_id", "stream", "query", "prompt"})
        return hashlib.blake2b(orjson.dumps([asked, self.text]), digest_size=16).digest()

    @property
    def text(self) -> str:
        """The question, where it is one."""
        return ""


class QueryRequest(Request):
    """A question; `query` and `prompt` are two names of its text, one of them is needed."""

    action: Literal["query"] = "query"
    query: QueryText | None = None
    prompt: QueryText | None = None
    domain: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """Domain that answers; the one of the settings when absent."""

    stream: bool | None = None
    """Whether to answer with server-sent events; when absent, the `Accept` header decides."""

    @property
    def text(self) -> str:
        return self.query or self.prompt or ""


class FeedbackRequest(Request):
    """What the user thinks of the session's last answer; at least one of the three is needed."""

    action: Literal["feedback"]
    rating: Rating | None = None
    """1 (useless) to 5 (solved it)."""

    resolved: bool | None = None
    comment: Annotated[str, Field(max_length=8000)] = ""


class EndSessionRequest(Request):
    """The user is done; the session's outcome can be told from now on."""

    action: Literal["end_session"]


InvocationRequest = QueryRequest | FeedbackRequest | EndSessionRequest
"""Body of `POST /invocations`; `action` picks the class, a question when absent."""

REQUESTS: dict[str, type[Request]] = {
    "query": QueryRequest,
    "feedback": FeedbackRequest,
    "end_session": EndSessionRequest,
}


class InvocationReply(TurnReply):
    """The answer to a question."""

    result: str
    """The text of the reply once more, under the name that AWS clients print."""


class FeedbackReply(BaseModel):
    """Feedback was noted."""

    result: str = "Thank you, your feedback is noted."
    session_id: str
    request_id: str


class EndSessionReply(BaseModel):
    """The session is over."""

    result: str = "The session is over."
    session_id: str
    request_id: str
    completed: bool
    """False when it was over already."""


class ErrorDetail(BaseModel):
    """What went wrong."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    code: str
    """`room.fact`; never changes once released."""

    message: str
    fix: str
    """One next step."""


class ErrorReply(BaseModel):
    """Body of every answer with a status of 400 or above."""

    error: ErrorDetail
    version: Literal[1] = Field(default=1, alias="schema")


def error_detail(error: AgentError) -> dict[str, str]:
    """Return what a client is told of `error`."""
    return {"code": error.code, "message": str(error), "fix": error.fix}


def error_body(error: AgentError, aws_name: str | None = None) -> bytes:
    """Return the JSON body that tells `error`; `aws_name` adds the keys that boto3 looks for."""
    told: dict[str, Any] = {"error": error_detail(error), "schema": 1}
    if aws_name is not None:
        told |= {"__type": aws_name, "message": f"{error} {error.fix}"}
    return orjson.dumps(told)


def reply_body(reply: TurnReply) -> bytes:
    """Return the JSON body of an answer."""
    return orjson.dumps(reply.model_dump(mode="json") | {"result": reply.reply})


# --- reading ------------------------------------------------------------------------------------


def parse_request(body: bytes) -> InvocationRequest:
    """Read and check a body.

    The parser itself refuses what is not JSON after all: NaN, infinities, lone surrogates, bytes that
    are not UTF-8, and more than 1024 levels.

    Raises:
        RequestInvalid: names the first thing that is wrong, with its value and what to do.
    """
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestInvalid(
            f"The body is not valid JSON: {error}.", fix='Send a JSON object such as {"query": "…"} in UTF-8.'
        ) from None
    if not isinstance(payload, dict):
        raise RequestInvalid(
            f"The body must be a JSON object, got {_shown(payload)}.", fix='Send {"query": "…"}.'
        )
    action = payload.get("action", "query")
    model = REQUESTS.get(action) if isinstance(action, str) else None
    if model is None:
        raise RequestInvalid(
            f"`action` must be one of {_names(REQUESTS)}, got {_shown(action)}.",
            fix="Leave it out to ask a question.",
        )
    try:
        request = model.model_validate(payload)
    except ValidationError as error:
        raise _invalid(error.errors(include_url=False)[0], model) from None
    _check_content(request)
    return request  # type: ignore[return-value]  # REQUESTS holds the members of the union


def _check_content(request: Request) -> None:
    if isinstance(request, QueryRequest) and (request.query is None) == (request.prompt is None):
        found = "both are there" if request.query is not None else "both are absent"
        raise RequestInvalid(
            f"One of `query` and `prompt` must hold the question: {found}.", fix='Send {"query": "…"}.'
        )
    if isinstance(request, FeedbackRequest) and request.rating is None and request.resolved is None:
        if request.comment.strip():
            return
        raise RequestInvalid(
            "Feedback needs `rating`, `resolved` or `comment`: all are absent.",
            fix='Send {"action": "feedback", "rating": 5}.',
        )


def _invalid(detail: ErrorDetails, model: type[Request]) -> RequestInvalid:
    key = str(detail["loc"][0]) if detail["loc"] else "body"
    if detail["type"] == "extra_forbidden":
        return RequestInvalid(f"There is no key `{_clip(key)}`.", fix=_nearest(key, model))
    if detail["type"] == "string_pattern_mismatch" and key in ("query", "prompt"):
        return RequestInvalid(f"`{key}` is blank, got {_shown(detail['input'])}.", fix="Write a question.")
    problem = detail["msg"][:1].lower() + detail["msg"][1:]
    return RequestInvalid(
        f"`{key}`: {problem}, got {_shown(detail['input'])}.",
        fix=f"Correct `{key}`, or leave it out; GET /openapi.json says what it takes.",
    )


def _nearest(key: str, model: type[Request]) -> str:
    """Say where a key that `model` does not have belongs, or which one is meant."""
    if key.lower().startswith(IDENTITY_WORDS):
        return "Remove it: who is asking is told by the platform's headers alone."
    for action, other in REQUESTS.items():
        if key in other.model_fields:
            return f'`{key}` belongs to {{"action": "{action}"}}.'
    near = difflib.get_close_matches(key[:SHOWN_CHARACTERS].lower(), model.model_fields, n=1, cutoff=0.5)
    hint = f"Write `{near[0]}` instead, or remove it." if near else "Remove it."
    return f"{hint} Known keys are {_names(model.model_fields)}."


def _names(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _shown(value: object) -> str:
    """Return a wrong value as JSON, clipped; one too large to write out is named by its type."""
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'an array'} of {len(value)}"
    return f"`{_clip(orjson.dumps(value).decode())}`"


def _clip(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
