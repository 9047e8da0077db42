"""The whole program on OpenSearch, by a setting alone: the same answers, and answers while it is away."""

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.models import make_embeddings
from agent.runtime import Runtime
from agent.settings import Settings
from agent.wiring import open_runtime
from domains.loader import new_domain
from learning.recorded import RecordedSession, recorded_events
from memory.breaker import FAILURES
from memory.opensearch import OpenSearch
from memory.opensearch_knowledge import live_alias
from memory.opensearch_patterns import Place
from memory.turns import TurnRequest
from tests.opensearch import own_client, remove

pytestmark = pytest.mark.anyio

NOBODY = "http://127.0.0.1:1"
"""An address where nothing listens."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def domain(tmp_path: Path) -> str:
    name = f"shop_{uuid.uuid4().hex[:12]}"
    new_domain(name, tmp_path / "domains")
    return name


@pytest.fixture
def tidy(domain: str, opensearch_url: str) -> Iterator[None]:
    """Remove what a test leaves on the node."""
    yield
    with own_client() as client:
        remove(client, Place("local", domain).live)
        remove(client, live_alias(domain, make_embeddings(Settings())))


async def opened(state: Path, domain: str, **changes: Any) -> Runtime:
    domains = state.parent / "domains"
    settings = Settings(state_dir=state, domains_dir=domains, domain=domain, holdout_share=0.0, **changes)
    return await open_runtime(settings)


async def learned(state: Path, domain: str, **changes: Any) -> None:
    runtime = await opened(state, domain, **changes)
    flow = ["troubleshooting", "how_to"]
    sessions = [RecordedSession(session_id=f"old-{n}", user_id=f"u-{n % 9}", labels=flow) for n in range(40)]
    for session in sessions:
        await runtime.replay(list(recorded_events(session, tenant="local", domain=domain)))
    await runtime.learn(domain, lambda *_: None)
    await runtime.close()


async def ask(runtime: Runtime, domain: str, number: int = 1) -> Any:
    request = TurnRequest(
        query="How do I set up my own files?",
        session_id=f"s-{number}",
        request_id=f"r-{number}",
        domain=domain,
    )
    return await runtime.turn(request)


@pytest.mark.services("opensearch")
async def test_another_machine_gives_the_guidance_of_the_one_that_learned(
    tidy: None, opensearch_url: str, tmp_path: Path, domain: str
) -> None:
    await learned(tmp_path / "a", domain, opensearch_url=opensearch_url)
    # another machine that shares the registry but neither the disk nor a bucket
    (tmp_path / "b").mkdir()
    shutil.copy(tmp_path / "a" / "store.sqlite", tmp_path / "b" / "store.sqlite")
    here, there = await opened(tmp_path / "a", domain), None
    try:
        there = await opened(tmp_path / "b", domain, opensearch_url=opensearch_url)
        embedded, served = await ask(here, domain), await ask(there, domain)
    finally:
        await here.close()
        if there is not None:
            await there.close()

    assert embedded.guidance.suggestions
    assert served.guidance.suggestions == embedded.guidance.suggestions
    assert served.guidance.release == embedded.guidance.release
    assert served.citations == embedded.citations != []


async def test_while_it_is_away_turns_have_guidance_and_passages_and_it_is_not_asked_for_long(
    tmp_path: Path, domain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await learned(tmp_path / "a", domain)
    searches: list[str] = []
    work = OpenSearch.ask

    def counted(self: OpenSearch, method: str, path: str, *args: Any, **options: Any) -> Any:
        searches.extend([path] if path.endswith("_search") else [])
        return work(self, method, path, *args, **options)

    monkeypatch.setattr(OpenSearch, "ask", counted)
    embedded = await opened(tmp_path / "a", domain)
    expected = await ask(embedded, domain, 0)
    await embedded.close()
    runtime = await opened(tmp_path / "a", domain, opensearch_url=NOBODY)
    replies = [await ask(runtime, domain, number) for number in range(1, FAILURES + 10)]
    await runtime.close()

    assert expected.guidance.suggestions and expected.citations
    assert all(one.guidance.suggestions == expected.guidance.suggestions for one in replies)
    assert all((one.reply, one.citations) == (expected.reply, expected.citations) for one in replies)
    assert 0 < len(searches) <= FAILURES + 1
