"""A state folder to learn in: its lake, its registry, a classifier that needs no model, and events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from learning.pipeline import learn, preview
from learning.progress import Progress
from learning.recorded import RecordedSession, recorded_events
from learning.reports import LearnPreview, LearnReport
from memory.parquet import ParquetLake
from memory.ports import Registry
from memory.records import Analysis, Release, SessionEvent
from tests.learning.logs import ALARM, ORDER

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class SecondWord:
    """Names a turn after the second word of its question."""

    identity = "second-word:1"

    def __init__(self) -> None:
        self.count = 0

    async def classify(self, texts: Sequence[str]) -> list[Analysis]:
        self.count += len(texts)
        return [Analysis(intent=text.split()[1], intent_confidence=0.9) for text in texts]


@dataclass
class Place:
    """A state folder with its lake and registry."""

    folder: Path
    lake: ParquetLake
    registry: Registry

    async def learn(
        self,
        *,
        registry: Registry | None = None,
        classifier: SecondWord | None = None,
        now: datetime = NOW,
        on_progress: Progress = lambda *_: None,
        due_after: int | None = None,
    ) -> LearnReport:
        return await learn(
            self.lake,
            registry or self.registry,
            classifier or SecondWord(),
            tenant="acme",
            domain="pumps",
            folder=self.folder,
            embedder="letters:1",
            advanced=True,
            now=now,
            on_progress=on_progress,
            due_after=due_after,
        )

    async def preview(self) -> LearnPreview:
        return await preview(
            self.lake,
            self.registry,
            SecondWord(),
            tenant="acme",
            domain="pumps",
            folder=self.folder,
            embedder="letters:1",
            advanced=True,
            now=NOW,
            on_progress=lambda *_: None,
        )

    async def live(self) -> Release:
        found = await self.registry.live("pumps")
        assert found is not None
        return found

    def written(self) -> dict[str, int]:
        files = (path for path in self.folder.rglob("*") if path.is_file() and "sqlite" not in path.name)
        return {str(file): file.stat().st_mtime_ns for file in files}


def session(number: int, labels: Sequence[str] = ALARM) -> RecordedSession:
    return RecordedSession(
        session_id=f"session-{number}",
        user_id=f"user-{number % 12}",
        labels=list(labels),
        texts=[f"about {label} please" for label in labels],
        start=1e9 + number * 86_400,
        success=number % 4 > 0,
    )


def events(first: int, last: int) -> list[SessionEvent]:
    sessions = [session(number, ALARM if number % 3 else ORDER) for number in range(first, last)]
    return [event for one in sessions for event in recorded_events(one, tenant="acme", domain="pumps")]


def content(place: Place, report: LearnReport) -> dict[str, bytes]:
    folder = place.folder / "models/patterns" / report.release_id
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def elsewhere(place: Place, name: str) -> Place:
    """A state folder that knows nothing, on the same lake."""
    return Place(place.folder / name, place.lake, place.registry)
