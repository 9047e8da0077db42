"""Profiles, sessions and releases in one SQLite file; each store is opened for one tenant."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import Connection

from memory.errors import AgentError, SessionForeign
from memory.records import Conversation, Profile, Release
from memory.sqlitefile import Migration, SqliteFile

MIGRATIONS: list[Migration] = [
    (
        """CREATE TABLE profiles (
            tenant TEXT, user TEXT, body TEXT NOT NULL, PRIMARY KEY (tenant, user)
        ) WITHOUT ROWID""",
        """CREATE TABLE conversations (
            tenant TEXT, session_id TEXT, user TEXT NOT NULL, domain TEXT NOT NULL, turns INTEGER NOT NULL,
            started_at TEXT NOT NULL, last_at TEXT NOT NULL, completed INTEGER NOT NULL,
            PRIMARY KEY (tenant, session_id)
        ) WITHOUT ROWID""",
        "CREATE INDEX conversations_open ON conversations (tenant, last_at) WHERE completed = 0",
        """CREATE TABLE releases (
            tenant TEXT, domain TEXT, release_id TEXT, number INTEGER NOT NULL, body TEXT NOT NULL,
            PRIMARY KEY (tenant, domain, release_id)
        ) WITHOUT ROWID""",
        """CREATE TABLE live (
            tenant TEXT, domain TEXT, release_id TEXT NOT NULL, PRIMARY KEY (tenant, domain)
        ) WITHOUT ROWID""",
    ),
    ("CREATE INDEX conversations_user ON conversations (tenant, user, last_at)",),
]


class ReleaseUnknown(AgentError):
    """A release was named that is not there."""

    code = "memory.release_unknown"
    kind = "not_found"

    def __init__(self, domain: str, release_id: str) -> None:
        super().__init__(
            f"Domain `{domain}` has no release `{release_id[:80]}`.",
            fix=f"Run `slipstream learn -d {domain}` to make one.",
        )


class SqliteStore:
    """The file behind the three stores."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def profiles(self, tenant: str) -> "SqliteProfileStore":
        """Return what is known of the users of a tenant."""
        return SqliteProfileStore(self._file, tenant)

    def conversations(self, tenant: str) -> "SqliteConversationStore":
        """Return the sessions of a tenant."""
        return SqliteConversationStore(self._file, tenant)

    def registry(self, tenant: str) -> "SqliteRegistry":
        """Return the releases of a tenant."""
        return SqliteRegistry(self._file, tenant)

    def patterns(self, tenant: str) -> None:
        """Publish nowhere: whoever can read this file can read the lake."""


@contextmanager
def open_store(path: Path) -> Iterator[SqliteStore]:
    """Open the file and close it in the end.

    Raises:
        StorageFailed: it cannot be used.
    """
    file = SqliteFile(path, MIGRATIONS, synchronous="NORMAL")
    try:
        yield SqliteStore(file)
    finally:
        file.close()


class SqliteProfileStore:
    """`ProfileStore` of one tenant."""

    def __init__(self, file: SqliteFile, tenant: str) -> None:
        self._file = file
        self._tenant = tenant

    async def get(self, user: str) -> Profile:
        rows = self._file.read(
            "SELECT body FROM profiles WHERE tenant = ? AND user = ?", (self._tenant, user)
        )
        return Profile.model_validate_json(rows[0][0]) if rows else Profile(user=user)

    async def put(self, profile: Profile) -> None:
        row = (self._tenant, profile.user, profile.model_dump_json(exclude_defaults=True))
        await self._file.write(lambda c: c.execute("REPLACE INTO profiles VALUES (?, ?, ?)", row))


CONVERSATION = "session_id, tenant, user, domain, turns, started_at, last_at, completed"


class SqliteConversationStore:
    """`ConversationStore` of one tenant."""

    def __init__(self, file: SqliteFile, tenant: str) -> None:
        self._file = file
        self._tenant = tenant

    async def open(self, session_id: str, *, user: str, domain: str, at: datetime) -> Conversation:
        known = self._find(session_id)
        if known is None:
            row = (session_id, self._tenant, user, domain, 0, _stamp(at), _stamp(at), 0)
            await self._file.write(
                lambda c: c.execute(
                    f"INSERT OR IGNORE INTO conversations ({CONVERSATION}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                    row,
                )
            )
            known = self._find(session_id)
        if known is None or known.user != user or known.domain != domain:
            raise SessionForeign(session_id)
        return known

    async def get(self, session_id: str, *, user: str | None) -> Conversation:
        known = self._find(session_id)
        if known is None or (user is not None and known.user != user):
            raise SessionForeign(session_id)
        return known

    async def touch(self, session_id: str, *, turns: int, at: datetime) -> None:
        values = (turns, _stamp(at), self._tenant, session_id)
        await self._file.write(
            lambda c: c.execute(
                "UPDATE conversations SET turns = max(turns, ?), last_at = ?, completed = 0 "
                "WHERE tenant = ? AND session_id = ?",
                values,
            )
        )

    async def complete(self, session_id: str, *, at: datetime) -> bool:
        values = (_stamp(at), self._tenant, session_id)
        done = await self._file.write(
            lambda c: (
                c.execute(
                    "UPDATE conversations SET completed = 1, last_at = ? "
                    "WHERE tenant = ? AND session_id = ? AND completed = 0",
                    values,
                ).rowcount
            )
        )
        return done == 1

    async def idle(self, *, before: datetime) -> list[Conversation]:
        rows = self._file.read(
            f"SELECT {CONVERSATION} FROM conversations "  # noqa: S608
            "WHERE tenant = ? AND completed = 0 AND last_at < ? ORDER BY last_at, session_id",
            (self._tenant, _stamp(before)),
        )
        return [_conversation(row) for row in rows]

    async def of_user(self, user: str, *, limit: int) -> list[Conversation]:
        rows = self._file.read(
            f"SELECT {CONVERSATION} FROM conversations "  # noqa: S608
            "WHERE tenant = ? AND user = ? ORDER BY last_at DESC, session_id LIMIT ?",
            (self._tenant, user, limit),
        )
        return [_conversation(row) for row in rows]

    def _find(self, session_id: str) -> Conversation | None:
        rows = self._file.read(
            f"SELECT {CONVERSATION} FROM conversations WHERE tenant = ? AND session_id = ?",  # noqa: S608
            (self._tenant, session_id),
        )
        return _conversation(rows[0]) if rows else None


def _stamp(at: datetime) -> str:
    """Write a time so that the order of the texts is the order of the times."""
    return at.astimezone(UTC).isoformat()


def _conversation(row: tuple[object, ...]) -> Conversation:
    return Conversation.model_validate(dict(zip(CONVERSATION.split(", "), row, strict=True)))


class SqliteRegistry:
    """`Registry` of one tenant."""

    def __init__(self, file: SqliteFile, tenant: str) -> None:
        self._file = file
        self._tenant = tenant

    async def publish(self, release: Release) -> None:
        row = (self._tenant, release.domain, release.release_id, release.model_dump_json())
        await self._file.write(
            lambda c: c.execute(
                "INSERT OR IGNORE INTO releases SELECT ?1, ?2, ?3, "
                "(SELECT coalesce(max(number), 0) + 1 FROM releases WHERE tenant = ?1 AND domain = ?2), ?4",
                row,
            )
        )

    async def promote(self, domain: str, release_id: str) -> None:
        key = (self._tenant, domain, release_id)

        def work(connection: Connection) -> None:
            sql = "SELECT 1 FROM releases WHERE tenant = ? AND domain = ? AND release_id = ?"
            if connection.execute(sql, key).fetchone() is None:
                raise ReleaseUnknown(domain, release_id)
            connection.execute("REPLACE INTO live VALUES (?, ?, ?)", key)

        await self._file.write(work)

    async def live(self, domain: str) -> Release | None:
        rows = self._file.read(
            "SELECT body FROM releases JOIN live USING (tenant, domain, release_id) "
            "WHERE tenant = ? AND domain = ?",
            (self._tenant, domain),
        )
        return Release.model_validate_json(rows[0][0]) if rows else None

    async def releases(self, domain: str) -> list[Release]:
        rows = self._file.read(
            "SELECT body FROM releases WHERE tenant = ? AND domain = ? ORDER BY number DESC",
            (self._tenant, domain),
        )
        return [Release.model_validate_json(body) for (body,) in rows]
