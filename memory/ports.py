"""What the rest of the program asks of storage. Adapters keep these promises without inheriting them.

Every store is opened for one tenant where it holds what belongs to a tenant, so that no query
can forget the filter. All methods may raise `StorageFailed`.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from memory.records import (
    Conversation,
    PassageHit,
    Pattern,
    Profile,
    Release,
    SessionEvent,
    Suggestion,
    TurnFinished,
)

if TYPE_CHECKING:  # nobody pays for Arrow who only names a port
    import pyarrow as pa


class EventSink(Protocol):
    """Takes what happened; durable once `append` returns."""

    async def append(self, events: Sequence[SessionEvent]) -> None:
        """Write all events or none; an `event_id` seen before is passed over."""
        ...


class LakeFile(NamedTuple):
    """A piece of the lake that never changes: the same name and size are the same events."""

    name: str
    """Relative to the lake."""

    size_bytes: int


class Lake(Protocol):
    """Keeps all events for the learner; repeats are possible, `event_id` tells them."""

    async def write(self, events: Sequence[SessionEvent]) -> None:
        """Store a batch; the same batch again changes nothing."""
        ...

    def scan(self, *, tenant: str, domain: str | None = None) -> AsyncIterator[SessionEvent]:
        """Yield turns, feedback and completions, in no order.

        An `event_id` comes once, unless it was written again with a time days later.
        """
        ...

    async def files(self) -> list[LakeFile]:
        """Return the files with turns, feedback and completions, by name."""
        ...

    async def columns(self, file: LakeFile, *, tenant: str, domain: str) -> "pa.Table":
        """Return what the learner reads of a file of one domain, a row an event, repeats and all.

        Columns: `event_id`, `kind`, `session_id`, `user`, `turn`, `seq`, `at` (UTC, microseconds), never
        null; `query`, `reply_kind`, `intent`, `topic`, `label_source`, `grade`, `rating`, `resolved`,
        `outcome`, null where they do not apply.

        Raises:
            LakeFileBroken: it is damaged, or was not written by a lake.
        """
        ...

    async def guided_turns(self, file: LakeFile, *, tenant: str, domain: str) -> list[TurnFinished]:
        """Return the turns of a file whose session was guided or held out, in no order, repeats and all.

        Raises:
            LakeFileBroken: it is damaged, or was not written by a lake.
        """
        ...

    def session(self, session_id: str, *, tenant: str) -> AsyncIterator[SessionEvent]:
        """Yield all events of one session, each `event_id` once, ordered by turn and seq."""
        ...


class FlowMatch(NamedTuple):
    """What the patterns say about a flow."""

    suggestions: list[Suggestion]
    """Likely next steps, best first."""

    failure_risk: float | None
    """Probability (0 to 1) that a session at this point ends unsolved; `None` when unknown."""


class PatternIndex(Protocol):
    """Knows which steps tend to follow a flow. Opened for one release; immutable."""

    async def match(
        self,
        flow: Sequence[str],
        *,
        user: str | None,
        texts: Sequence[str] = (),
        times: Sequence[float] = (),
        k: int = 3,
    ) -> FlowMatch:
        """Return at most `k` likely next labels after `flow` (labels, oldest first, may be empty).

        Confidences are calibrated, fall from first to last and add up to at most 1.
        `user` (a user key) tilts them to that user's habits where there are any.
        `texts` is what the user said at the last steps, `times` when these were (Unix seconds); either may
        hold fewer than the flow, or nothing.
        """
        ...

    async def patterns(self, *, limit: int = 50) -> list[Pattern]:
        """Return the patterns people can read, most frequent lately first, equal ones by id."""
        ...


class KnowledgeIndex(Protocol):
    """Finds passages by words and by meaning."""

    @property
    def version(self) -> str:
        """Name what it holds: another one when other passages, or another embedder, may find others."""
        ...

    async def search(self, query: str, *, k: int) -> list[PassageHit]:
        """Return at most `k` passages, best first, equal scores by id; an empty index gives none."""
        ...


class ProfileStore(Protocol):
    """What is known of each user of one tenant."""

    async def get(self, user: str) -> Profile:
        """Return the profile; a fresh one for a user never seen."""
        ...

    async def put(self, profile: Profile) -> None:
        """Replace the profile of `profile.user`."""
        ...


class ConversationStore(Protocol):
    """Who owns which session of one tenant, and whether it is over."""

    async def open(self, session_id: str, *, user: str, domain: str, at: datetime) -> Conversation:
        """Bind a new session to its first user, or return the one that is there.

        Raises:
            SessionForeign: the session belongs to another user or another domain.

        """
        ...

    async def get(self, session_id: str, *, user: str | None) -> Conversation:
        """Return a session of `user`, or of anybody when `None` (for the program's own upkeep).

        Raises:
            SessionForeign: there is none, or it belongs to another user.
        """
        ...

    async def touch(self, session_id: str, *, turns: int, at: datetime) -> None:
        """Record that a turn ended; a completed session that goes on is open again."""
        ...

    async def complete(self, session_id: str, *, at: datetime) -> bool:
        """Mark it over; True for the one caller that did it, False when it was over already."""
        ...

    async def idle(self, *, before: datetime) -> list[Conversation]:
        """Return open sessions whose last turn is older than `before`, oldest first."""
        ...

    async def of_user(self, user: str, *, limit: int) -> list[Conversation]:
        """Return at most `limit` sessions of a user, the one with the latest turn first."""
        ...


class Registry(Protocol):
    """Which releases exist and which one is live, for one tenant."""

    async def publish(self, release: Release) -> None:
        """Add a release; the same id again changes nothing."""
        ...

    async def promote(self, domain: str, release_id: str) -> None:
        """Make it the live one of its domain.

        Raises:
            ReleaseUnknown: no release of `domain` has this id.

        """
        ...

    async def live(self, domain: str) -> Release | None:
        """Return the live release; `None` before the first."""
        ...

    async def releases(self, domain: str) -> list[Release]:
        """Return all of `domain`, newest first."""
        ...


class PatternStore(Protocol):
    """Patterns of one tenant as others may read them: items as `learning.patternfiles` makes them."""

    async def replace(self, domain: str, items: Sequence[Mapping[str, Any]]) -> None:
        """Publish the patterns of a domain; those that are not among them are gone.

        Each item stands for itself: who reads meanwhile may see some of the old and some of the new.
        """
        ...

    async def most_frequent(self, domain: str, *, limit: int) -> list[dict[str, Any]]:
        """Return at most `limit` items of a domain, the most frequent first."""
        ...


class Store(Protocol):
    """Where the small records are kept; opens a store for one tenant each."""

    def profiles(self, tenant: str) -> ProfileStore:
        """Return what is known of the users of a tenant."""
        ...

    def conversations(self, tenant: str) -> ConversationStore:
        """Return the sessions of a tenant."""
        ...

    def registry(self, tenant: str) -> Registry:
        """Return the releases of a tenant."""
        ...

    def patterns(self, tenant: str) -> PatternStore | None:
        """Return where patterns of a tenant are published; `None`: nowhere but in the lake."""
        ...
