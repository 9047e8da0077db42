"""What happens in one turn, collected as events and told to whoever listens."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from memory.ids import make_event_id
from memory.records import Event, PassageHit, SessionEvent, TurnFinished
from memory.text import clip
from memory.turns import StreamEvent, StreamKind

CLIP_CHARACTERS = 240
"""Longest text kept of a changed field; the whole reply is kept once, in `turn_finished`."""

CLIP_ITEMS = 8
"""Longest list kept of a changed field."""

SHORT_CHARACTERS = 8
"""Shorter than any secret, telephone number or mail address: not looked at."""

DEPTH = 6
"""Levels of lists and objects kept as such; what lies deeper is kept as text."""


LAST = 0xFFFFFF
"""Stands for the end of a turn in its id."""


class TurnLog:
    """Collects the events of one turn in order and streams what a client may see."""

    def __init__(
        self,
        *,
        session_id: str,
        request_id: str,
        tenant: str,
        domain: str,
        user: str,
        turn: int,
        release: str | None,
        now: Callable[[], datetime],
        redact: Callable[[str], str],
        emit: Callable[[StreamEvent], None] | None = None,
    ) -> None:
        self.events: list[SessionEvent] = []
        self.degraded: list[str] = []
        """What had to be replaced, as `node: reason`."""

        self.reached: dict[str, Any] = {}
        """All that nodes set so far; what is left of a turn whose end could not be stored."""

        self._envelope = {
            "session_id": session_id,
            "tenant": tenant,
            "domain": domain,
            "user": user,
            "turn": turn,
            "release": release,
        }
        self._session_id, self._turn, self._tenant = session_id, turn, tenant
        self._request_id = request_id
        self._now = now
        self._redact = redact
        self._emit = emit
        self._sent = 0
        self._cleaned: dict[str, str] = {}
        self._runs: dict[str, int] = {}
        self._start = time.perf_counter()

    @property
    def is_heard(self) -> bool:
        """True when somebody listens; what is only sent need not be made otherwise."""
        return self._emit is not None

    def elapsed_ms(self) -> float:
        """Return the time since the turn began (milliseconds)."""
        return (time.perf_counter() - self._start) * 1000

    def next_run(self, node: str) -> int:
        """Count a run of `node`, from 1."""
        self._runs[node] = self._runs.get(node, 0) + 1
        return self._runs[node]

    def add(self, kind: type[Event], **fields: Any) -> None:
        """Append an event of this turn; its id follows from session, request and order.

        A turn ends once, however many events came before: told again, its end is the same event.
        """
        seq = len(self.events)
        number = LAST if kind is TurnFinished else seq
        event = kind(
            event_id=make_event_id(
                self._session_id, self._request_id, self._turn, number, tenant=self._tenant
            ),
            seq=seq,
            at=self._now(),
            **self._envelope,
            **fields,
        )
        self.events.append(event)  # type: ignore[arg-type]

    def send(self, kind: StreamKind, data: dict[str, Any]) -> None:
        """Tell the listener, if there is one."""
        if self._emit is not None:
            self._emit(StreamEvent(type=kind, id=self._sent, data=data))
            self._sent += 1

    def summarize(self, update: Mapping[str, Any]) -> dict[str, object]:
        """Return what changed, JSON-plain, clipped and free of secrets, small enough to keep for ever."""
        return {key: self._plain(value) for key, value in update.items()}

    def _plain(self, value: Any, depth: int = 0) -> object:
        if isinstance(value, str):
            return value if len(value) < SHORT_CHARACTERS else self._clean(value)
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, PassageHit):  # by reference: the knowledge holds the text
            passage = value.passage
            return {"passage_id": passage.passage_id, "title": passage.title, "score": round(value.score, 4)}
        if isinstance(value, BaseModel):
            value = {key: item for key, item in vars(value).items() if item not in (None, "", [], {})}
        if isinstance(value, dict):
            return {key: self._plain(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple) and depth < DEPTH:
            kept = [self._plain(item, depth + 1) for item in value[:CLIP_ITEMS]]
            return [*kept, f"… {len(value) - CLIP_ITEMS} more"] if len(value) > CLIP_ITEMS else kept
        return self._clean(str(value))

    def _clean(self, text: str) -> str:
        """Redact, then clip; question and reply come by in many nodes, so each text is looked at once."""
        if text not in self._cleaned:
            self._cleaned[text] = clip(self._redact(text), CLIP_CHARACTERS)
        return self._cleaned[text]
