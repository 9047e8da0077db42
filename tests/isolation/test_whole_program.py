"""The whole program with two tenants: statuses over HTTP, and a canary of one that the other never meets."""

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import pytest

import agent.invocations
import graph.run
from agent.app import SlipstreamApp, open_app
from agent.invocations import Invocations
from agent.runtime import Runtime
from agent.services import ServiceShelf
from agent.settings import Settings
from agent.wiring import open_runtime
from domains.loader import new_domain
from graph.run import thread_id
from graph.trace import make_traces
from learning.recorded import RecordedSession, recorded_events
from memory.outbox import SqliteOutbox
from memory.records import Profile, Suggestion
from memory.redact import user_key
from memory.sqlite import SqliteConversationStore
from tests.agent.asgi_client import REQUEST, SESSION, USER, Answer, ask, call
from tests.isolation.mutants import mutate

pytestmark = pytest.mark.anyio

ACME, BOLT = "acme", "bolt"
CANARIES = {ACME: "zqheron", BOLT: "zqplover"}
ABOUT = [{"query": "And then?"}, {"action": "feedback", "rating": 1}, {"action": "end_session"}]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


def settings_of(folder: Path, **fields: Any) -> Settings:
    return Settings(state_dir=folder / "state", domains_dir=folder / "domains", domain="shop", **fields)


def token(tenant: str, user: str) -> dict[str, str]:
    """Return the header of a caller whom the platform has verified."""
    parts = ({"alg": "RS256"}, {"sub": user, "tenant": tenant})
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return {"Authorization": f"Bearer {'.'.join(encoded)}.signature"}


def named(session: str, request: str) -> dict[str, str]:
    return {SESSION: session, REQUEST: request}


class House(NamedTuple):
    app: SlipstreamApp
    folder: Path
    first: dict[str, Answer]
    """What each tenant was answered first, to the same ids."""

    @property
    def runtime(self) -> Runtime:
        opened = self.app._opening.opened
        assert isinstance(opened, Runtime)
        return opened


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Both tenants have asked, under the same names of user, session and request."""
    folder = tmp_path_factory.mktemp("house")
    new_domain("shop", folder / "domains")
    app = open_app(settings_of(folder, jwt_identity=True, tenant="house"))
    first = {}
    for tenant, canary in CANARIES.items():
        query = {"query": f"How can I export my {canary} data? My project is {canary}."}
        first[tenant] = await ask(app, query, token(tenant, "ann") | named("s-1", "r-1"))
        await ask(app, {"action": "feedback", "comment": canary}, token(tenant, "ann") | named("s-1", "r-2"))
    yield House(app, folder, first)
    await app.stop()


async def test_the_same_ids_at_two_tenants_are_two_requests_of_two_sessions(house: House) -> None:
    assert [(one.status, one.json["turn"]) for one in house.first.values()] == [(200, 1), (200, 1)]
    for tenant, canary in CANARIES.items():
        events = await house.runtime.events("s-1", tenant)
        assert {event.tenant for event in events} == {tenant}
        assert canary in str(events)


@pytest.mark.parametrize("payload", ABOUT)
async def test_a_session_of_another_user_is_not_there(house: House, payload: dict[str, Any]) -> None:
    answer = await ask(house.app, payload, token(ACME, "eve") | named("s-1", "e-1"))

    assert (answer.status, answer.code) == (404, "memory.session_foreign")
    assert CANARIES[ACME].encode() not in answer.body


@pytest.mark.parametrize("payload", ABOUT[1:])
async def test_a_session_of_another_tenant_is_not_there(house: House, payload: dict[str, Any]) -> None:
    await ask(house.app, {"query": "How can I export data?"}, token(ACME, "ann") | named("only-acme", "a-1"))

    answer = await ask(house.app, payload, token(BOLT, "ann") | named("only-acme", "b-1"))
    nobodys = await ask(house.app, payload, token(BOLT, "ann") | named("nobodys", "b-1"))

    assert (answer.status, answer.code) == (404, "memory.session_foreign")
    assert answer.body.replace(b"only-acme", b"nobodys") == nobodys.body, "it tells that the session is there"


async def test_a_foreign_session_is_not_ended_and_not_judged(house: House) -> None:
    before = await house.runtime.events("s-1", ACME)

    for payload in ABOUT[1:]:
        await ask(house.app, payload, token(ACME, "eve") | named("s-1", "e-2"))
    over = await ask(house.app, {"action": "end_session"}, token(BOLT, "ann") | named("s-1", "b-2"))

    assert over.json["completed"] is True
    assert await house.runtime.events("s-1", ACME) == before


@pytest.mark.parametrize("word", ["tenant", "user", "user_id", "tenant_id", "actor_id"])
async def test_the_payload_cannot_say_who_is_asking(house: House, word: str) -> None:
    answer = await ask(
        house.app, {"query": "And then?", word: ACME}, token(BOLT, "ann") | named("s-9", "p-1")
    )

    assert (answer.status, answer.code) == (400, "agent.request_invalid")


async def test_headers_beside_the_token_cannot_say_who_is_asking(house: House) -> None:
    forged = {USER: "ann", "X-Tenant": ACME, "X-Amzn-Bedrock-AgentCore-Runtime-Custom-Tenant": ACME}

    answer = await ask(house.app, ABOUT[1], token(ACME, "eve") | forged | named("s-1", "h-1"))
    without = await ask(house.app, {"query": "And then?"}, forged | named("s-1", "h-2"))

    assert (answer.status, without.status) == (404, 401)


@pytest.mark.parametrize("path", ["/traces/s-1", "/sessions/s-1", "/feedback/s-1"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_traces_and_deletion_are_not_to_be_had_over_http(house: House, method: str, path: str) -> None:
    assert (await call(house.app, method, path, headers=token(ACME, "ann"))).status == 404


# --- the canary ------------------------------------------------------------------------------------


async def test_no_reply_event_trace_or_state_holds_the_canary_of_another_tenant(
    house: House,
) -> None:
    for tenant, foreign in ((ACME, CANARIES[BOLT]), (BOLT, CANARIES[ACME])):
        asked = {"query": "What did I ask before, and what is my project?", "stream": True}
        streamed = await ask(house.app, asked, token(tenant, "ann") | named("s-1", "c-1"))
        events = await house.runtime.events("s-1", tenant)
        scanned = [event async for event in house.runtime._parts.lake.scan(tenant=tenant)]
        state = await _state(house.runtime, tenant)

        told = [streamed.body.decode(), str(events), str(make_traces(events)), str(scanned), state]
        assert all(foreign not in one for one in told)
        assert CANARIES[tenant] in state


async def _state(runtime: Runtime, tenant: str, session: str = "s-1") -> str:
    """Return the session's memory and the profile of ann, as the next turn gets them."""
    user = user_key(tenant, "ann")
    config: Any = {"configurable": {"thread_id": thread_id(tenant, user, session)}}
    kept = await runtime._parts.graph.aget_state(config)
    return f"{kept.values} {await runtime._parts.store.profiles(tenant).get(user)}"


# --- mutants: one filter less, and the same program no longer keeps tenants apart ------------------


async def check_sessions(house: House, name: str) -> None:
    """Let both tenants have a session of this name, and everybody else try to get at it."""
    session, opinion, runtime = f"m-{name}", {"action": "feedback", "rating": 2}, house.runtime
    for number, tenant in enumerate((ACME, BOLT, ACME)):
        asked = {"query": f"How can I export my {CANARIES[tenant]} data?"}
        answer = await ask(house.app, asked, token(tenant, "ann") | named(session, f"r-{number // 2}"))
        noted = await ask(house.app, opinion, token(tenant, "ann") | named(session, f"f-{number}"))
        assert (answer.status, noted.status) == (200, 200), "an owner is kept from a session"
        assert answer.json["turn"] == 1 + number // 2
    again = {"query": f"How can I export my {CANARIES[ACME]} data?"}
    for payload, request in [(again, "r-0"), *((one, "e-1") for one in ABOUT)]:
        eve = token(ACME, "eve") | {USER: "ann"} | named(session, request)
        answer = await ask(house.app, payload, eve)
        assert answer.status == 404, "another user gets at a session"
    for tenant, foreign in ((ACME, CANARIES[BOLT]), (BOLT, CANARIES[ACME])):
        events, state = await runtime.events(session, tenant), await _state(runtime, tenant, session)
        assert events, "the owner's events are gone"
        assert CANARIES[tenant] in state, "the owner's session is gone"
        assert foreign not in f"{events} {state}"
    for tenant in (ACME, BOLT):
        over = await ask(house.app, ABOUT[2], token(tenant, "ann") | named(session, "o-1"))
        assert over.status == 200, "an owner is kept from a session"
        assert over.json["completed"], "ended by somebody else"


STORE_OF, STORE_OF_ALL = "conversations({})", "conversations('acme')"

HTTP_MUTANTS: dict[str, tuple[Any, str, str, str]] = {
    "turn-tenant": (Runtime, "turn", STORE_OF.format("request.tenant"), STORE_OF_ALL),
    "feedback-tenant": (Runtime, "feedback", STORE_OF.format("tenant"), STORE_OF_ALL),
    "feedback-user": (Runtime, "feedback", "user=key", "user=None"),
    "end-tenant": (Runtime, "end_session", STORE_OF.format("tenant"), STORE_OF_ALL),
    "end-user": (Runtime, "end_session", "user=user_key(tenant, user)", "user=None"),
    "open-user": (SqliteConversationStore, "open", "or known.user != user", ""),
    "thread": (graph.run, "_invoke", "thread_id(request.tenant, context.user,", "thread_id('', '',"),
    "repeat-tenant": (Invocations, "_answer", "Key(*caller,", "Key('', caller.user,"),
    "repeat-user": (Invocations, "_answer", "Key(*caller,", "Key(caller.tenant, '',"),
    "header": (
        agent.invocations,
        "identify",
        "if rules.jwt:",
        "if rules.jwt and USER_HEADER not in headers:",
    ),
    "journal": (SqliteOutbox, "session", "tenant = ? AND", "(tenant = ? OR 1) AND"),
}


async def test_unchanged_the_program_keeps_sessions_apart(house: House) -> None:
    await check_sessions(house, "unchanged")


@pytest.mark.parametrize("name", HTTP_MUTANTS)
async def test_the_program_with_a_filter_less_is_noticed(
    house: House, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutate(monkeypatch, *HTTP_MUTANTS[name])

    with pytest.raises(AssertionError):
        await check_sessions(house, name)


async def check_services(house: House, name: str) -> None:
    """Let two tenants in turn get what their turns use, made once for each and kept."""
    tenants = [f"{name}-{number}" for number in range(2)]
    for tenant in tenants:
        known = Profile(user="0011", preferences={"canary": tenant})
        await house.runtime._parts.store.profiles(tenant).put(known)
    shelf: ServiceShelf = house.runtime._parts.services.__self__  # type: ignore[attr-defined]
    for tenant in tenants * 2:
        services = await shelf.services("shop", tenant)
        assert services.profiles is not None
        assert (await services.profiles.get("0011")).preferences == {"canary": tenant}


SHELF_MUTANTS: dict[str, list[tuple[Any, str, str, str]]] = {
    "kept": [
        (ServiceShelf, "services", "_made.get((domain, tenant))", "_made.get((domain, ''))"),
        (ServiceShelf, "services", "_made[domain, tenant]", "_made[domain, '']"),
        (ServiceShelf, "services", "_decided.get((domain, tenant))", "_decided.get((domain, ''))"),
        (ServiceShelf, "services", "_decided[domain, tenant]", "_decided[domain, '']"),
    ],
    "made": [(ServiceShelf, "_make", "profiles(tenant)", "profiles('')")],
}


@pytest.mark.parametrize("name", SHELF_MUTANTS)
async def test_services_that_tenants_share_are_noticed(
    house: House, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await check_services(house, f"{name}-unchanged")

    for change in SHELF_MUTANTS[name]:
        mutate(monkeypatch, *change)
    with pytest.raises(AssertionError):
        await check_services(house, name)


# --- what is learned -------------------------------------------------------------------------------

SESSIONS, PEOPLE = 60, 12
"""Recorded sessions of each tenant, and of how many people they are (count)."""


def log_of(tenant: str) -> list[RecordedSession]:
    """Return sessions whose steps and texts bear the tenant's canary; ids are those of everybody."""
    canary = CANARIES[tenant]
    return [
        RecordedSession(
            session_id=f"recorded-{number}",
            user_id=f"person-{number % PEOPLE}",
            labels=[f"{canary}/alarm", f"{canary}/diagnose", f"{canary}/{('repair', 'report')[number % 2]}"],
            texts=[f"{canary} one", f"{canary} two", f"{canary} three"],
            start=1.77e9 + 3600 * number,
            success=True,
        )
        for number in range(SESSIONS)
    ]


def contents(folder: Path) -> dict[Path, str]:
    """Return each file as text, columns of the lake unpacked."""
    found = {}
    for file in folder.rglob("*"):
        if file.is_file():
            packed = file.suffix == ".parquet"
            found[file] = (
                str(pq.read_table(file, partitioning=None).to_pylist())
                if packed
                else file.read_bytes().decode("latin-1")
            )
    return found


SHARED = {".sqlite", ".sqlite-wal", ".sqlite-shm", ".drain"}
"""Files of all tenants; whose rows are found there is what the pairs are about."""


async def test_what_one_tenant_teaches_is_in_no_file_suggestion_or_report_of_another(
    tmp_path: Path,
) -> None:
    new_domain("shop", tmp_path / "domains")
    before: dict[Path, str] = {}
    for tenant, foreign in ((ACME, CANARIES[BOLT]), (BOLT, CANARIES[ACME])):
        runtime = await open_runtime(settings_of(tmp_path, tenant=tenant))
        try:
            events = [e for one in log_of(tenant) for e in recorded_events(one, tenant=tenant, domain="shop")]
            await runtime.replay(events)
            report = await runtime.learn("shop", lambda *_: None)
            index = await runtime.patterns("shop")
            assert index is not None
            patterns = await index.patterns(limit=1000)
            match = await index.match([f"{foreign}/alarm"], user=None)
            effects = await runtime.seen_in("shop", match.suggestions)
        finally:
            await runtime.close()
        after = contents(tmp_path / "state")
        own = {file: text for file, text in after.items() if before.get(file) != text}
        written = {file for file in own if file.suffix not in SHARED}

        assert (report.sessions, report.users) == (SESSIONS, PEOPLE)
        assert CANARIES[tenant] in str(patterns)
        assert foreign not in f"{report} {patterns} {_labels(match.suggestions)} {effects}"
        assert len(written) > 5
        assert [file.name for file in written if foreign in own[file]] == []
        before = after


def _labels(suggestions: list[Suggestion]) -> list[str]:
    return [one.label for one in suggestions]
