"""The sample logs of each format, and a quick way to read logs."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from learning.importing.reading import Format, read_logs
from learning.importing.report import ImportReport
from learning.importing.session import ImportedSession, session_events
from learning.importing.spool import open_spool
from memory.records import SessionEvent

LOGS = Path(__file__).parent / "logs"

SAMPLES: dict[Format, list[Path]] = {
    "sessions": [LOGS / "sessions.jsonl"],
    "otel": [LOGS / "otel.jsonl"],
    "langfuse": sorted(LOGS.glob("langfuse_*")),
    "langsmith": [LOGS / "langsmith.jsonl"],
}


class Taken(NamedTuple):
    """What was made of logs."""

    report: ImportReport
    sessions: list[ImportedSession]

    @property
    def events(self) -> list[SessionEvent]:
        return [e for one in self.sessions for e in session_events(one, tenant="acme", domain="pumps")]

    def session(self, session_id: str) -> ImportedSession:
        return next(one for one in self.sessions if one.session_id == session_id)


def taken(*paths: Path, log_format: Format | None = None, scores: Iterable[str] = ()) -> Taken:
    """Read logs and return what was made of them."""
    with open_spool() as spool:
        report = read_logs(
            paths,
            spool,
            tenant="acme",
            log_format=log_format,
            scores=list(scores),
            on_progress=lambda *_: None,
        )
        return Taken(report, list(spool.sessions()))


def write(folder: Path, *rows: Any, name: str = "log.jsonl") -> Path:
    """Write rows as JSON lines."""
    file = folder / name
    file.write_text("\n".join(json.dumps(row) for row in rows) + "\n")
    return file
