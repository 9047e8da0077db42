"""The bus: finished turns and sessions are announced on EventBridge, at least once, in order per session."""

import asyncio
import hashlib
import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from memory.announcements import DETAIL_TYPES, claim_check, to_detail
from memory.errors import StorageFailed
from memory.objects import Objects
from memory.outbox import Refusal
from memory.records import SessionEvent

MOST_ENTRIES = 10
"""Entries that PutEvents takes in one call."""

MOST_BYTES = 900_000
"""Size of a call (bytes); the service counts to 1 MB and refuses what is above."""

TIME_BYTES = 14
"""What the service counts for the time of an entry (bytes)."""

CONNECT_S, READ_S = 2.0, 5.0
"""Bounds of a call (seconds). It is made once: the outbox knows what to send again, and when."""

CLAIMS = "claims"
"""Where details lie that are too large for the bus, below the bucket."""

SERVICE_CODES = ("Throttling", "TooManyRequests", "AccessDenied", "NotAuthorized", "ServiceUnavailable")
"""How error codes start that are no fault of an entry: the queue waits, and nothing becomes a dead letter."""

FINAL_CODES = ("MalformedDetail", "InvalidArgument", "Validation", "RequestEntityTooLarge", "413")
"""How error codes start that an entry gets every time."""

BEHIND = Refusal("an earlier event of its session was not taken", "held")


def open_bus(
    bus: str, *, source_of: Callable[[str], str], claims: Objects | None, bucket: str | None
) -> "EventBridgeBus":
    """Return a bus of the account and region that boto3 finds; it is not asked yet."""
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_S, read_timeout=READ_S, retries={"mode": "standard", "total_max_attempts": 1}
    )
    client = boto3.client("events", config=config)
    return EventBridgeBus(client, bus, source_of=source_of, claims=claims, bucket=bucket)


Session = tuple[str, str]
"""Tenant and session id."""


class _Entry(NamedTuple):
    """One event as PutEvents takes it."""

    event_id: str
    session: Session
    fields: dict[str, Any]
    size_bytes: int


class EventBridgeBus:
    """Sends events to one bus; `send` is what an outbox delivers by."""

    def __init__(
        self,
        client: Any,
        bus: str,
        *,
        source_of: Callable[[str], str],
        claims: Objects | None = None,
        bucket: str | None = None,
    ) -> None:
        """`source_of` maps a domain to its source; `claims`, in `bucket`, keeps what is too large."""
        self._client = client
        self._bus = bus
        self._source_of = source_of
        self._claims = claims
        self._bucket = bucket

    async def send(self, events: Sequence[SessionEvent]) -> dict[str, Refusal]:
        """Send in calls that hold a session once, so that no later event overtakes one that failed.

        Returns those that were not taken, by id.
        """
        refused: dict[str, Refusal] = {}
        sessions: dict[Session, deque[_Entry]] = {}
        stopped: set[Session] = set()
        for event in events:
            session = (event.tenant, event.session_id)
            made = BEHIND if session in stopped else await asyncio.to_thread(self._entry, event)
            if isinstance(made, _Entry):
                sessions.setdefault(session, deque()).append(made)
            else:
                refused[event.event_id] = made
                stopped |= {session} if made.fate == "held" else set()
        while sessions:
            call = _next_call(sessions)
            answers = await asyncio.to_thread(self._put, call)
            refused |= _settled(sessions, call, answers)
            if any(answer.fate == "held" for answer in answers.values()):  # the service is in trouble
                return refused | {one.event_id: BEHIND for left in sessions.values() for one in left}
        return refused

    def _entry(self, event: SessionEvent) -> _Entry | Refusal:
        """Return the entry of an event; one that is too large goes to the bucket, and its address here."""
        source, detail_type = self._source_of(event.domain), DETAIL_TYPES[event.kind]
        detail = json.dumps(to_detail(event), ensure_ascii=False, separators=(",", ":"))
        around = TIME_BYTES + len(source.encode()) + len(detail_type)
        if around + len(detail.encode()) > MOST_BYTES:
            if self._claims is None or self._bucket is None:
                return Refusal("it is larger than the bus takes, and `lake_bucket` is not set", "dead")
            body = detail.encode()
            key = f"{CLAIMS}/{hashlib.sha256(body).hexdigest()}.json"
            try:
                self._claims.put(key, body)
            except StorageFailed as failure:
                return Refusal(str(failure), "held")
            short = claim_check(event, bucket=self._bucket, key=key, size_bytes=len(body))
            detail = json.dumps(short, separators=(",", ":"))
        fields = {
            "EventBusName": self._bus,
            "Source": source,
            "DetailType": detail_type,
            "Detail": detail,
            "Time": event.at,
        }
        return _Entry(event.event_id, (event.tenant, event.session_id), fields, around + len(detail.encode()))

    def _put(self, call: Sequence[_Entry]) -> dict[str, Refusal]:
        """Send one call; returns what was not taken. A time-out took none: it may come twice, never not."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._client.put_events(Entries=[entry.fields for entry in call])
        except ClientError as error:
            code, said = error.response["Error"].get("Code", ""), error.response.get("ResponseMetadata", {})
            if code.startswith(FINAL_CODES) and len(call) > 1:  # one of them spoils the call
                return {id_: why for entry in call for id_, why in self._put([entry]).items()}
            why = Refusal(f"PutEvents: {code}", "held", _retry_after(said.get("HTTPHeaders", {})))
            why = why._replace(fate="dead") if code.startswith(FINAL_CODES) else why
            return {entry.event_id: why for entry in call}
        except BotoCoreError as error:
            why = Refusal(f"PutEvents: {type(error).__name__}", "held")
            return {entry.event_id: why for entry in call}
        pairs = zip(call, answer["Entries"], strict=True)
        return {entry.event_id: _refusal(one["ErrorCode"]) for entry, one in pairs if one.get("ErrorCode")}


def _next_call(sessions: Mapping[Session, deque[_Entry]]) -> list[_Entry]:
    """Return the first entry of as many sessions as fit into a call."""
    call: list[_Entry] = []
    size = 0
    for waiting in sessions.values():
        size += waiting[0].size_bytes
        if len(call) == MOST_ENTRIES or (call and size > MOST_BYTES):
            break
        call.append(waiting[0])
    return call


def _settled(
    sessions: dict[Session, deque[_Entry]], call: Sequence[_Entry], answers: Mapping[str, Refusal]
) -> dict[str, Refusal]:
    """Take a call's entries out, and what comes behind one that was not taken; returns all that was not."""
    refused = dict(answers)
    for entry in call:
        left = sessions[entry.session]
        left.popleft()
        answer = answers.get(entry.event_id)
        if answer and answer.fate != "dead":
            refused |= {behind.event_id: BEHIND for behind in left}
            left.clear()
        if not left:
            del sessions[entry.session]
    return refused


def _refusal(code: str) -> Refusal:
    if code.startswith(SERVICE_CODES):
        return Refusal(f"PutEvents: {code}", "held")
    return Refusal(f"PutEvents: {code}", "dead" if code.startswith(FINAL_CODES) else "again")


def _retry_after(headers: Mapping[str, str]) -> float:
    """Return the wait that the service asks for (seconds)."""
    value = headers.get("retry-after", "")
    return float(value) if value.isdigit() else 0.0
