"""The root of all errors that a user may see."""

from typing import ClassVar, Literal

ErrorKind = Literal["input", "not_found", "conflict", "unavailable", "internal"]
"""What went wrong in the eyes of the caller; the edge turns it into an HTTP or exit status."""


class AgentError(Exception):
    """An error with a stable code and a next step, safe to show to a user."""

    code: ClassVar[str] = "agent"
    """`room.fact`; never changes once released."""

    kind: ClassVar[ErrorKind] = "input"

    def __init__(self, message: str, *, fix: str) -> None:
        super().__init__(message)
        self.fix = fix


class SessionForeign(AgentError):
    """A session was named that belongs to somebody else; says no more than that it is not there."""

    code = "memory.session_foreign"
    kind = "not_found"

    def __init__(self, session_id: str) -> None:
        super().__init__(
            f"There is no session `{session_id}` for this user.",
            fix="Start a session of your own: leave the session id out, or choose a new one.",
        )


class StorageFailed(AgentError):
    """A file or database below the state folder could not be read or written."""

    code = "memory.storage_failed"
    kind = "unavailable"

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(
            f"Could not use `{what}`: {reason}.",
            fix="Free some space or make the folder writable, or name another with "
            "`--state DIR` (`SLIPSTREAM_STATE_DIR`).",
        )


class EmbedderMismatch(AgentError):
    """An index was built with one embedder and is asked with another."""

    code = "memory.embedder_mismatch"

    def __init__(self, index: str, built_with: str, asked_with: str) -> None:
        super().__init__(
            f"`{index}` was built with embedder `{built_with}`, not with `{asked_with}`.",
            fix="Go back to the embedder it was built with, or build it again with "
            "`slipstream knowledge build --force`.",
        )


class LakeFileBroken(AgentError):
    """A file of the lake is not readable Parquet."""

    code = "memory.lake_file_broken"

    def __init__(self, file: str) -> None:
        super().__init__(
            f"`{file}` is not a readable Parquet file.",
            fix="Move it out of the lake (nothing else depends on it) and run the command again.",
        )
