"""Many tenants in the same stores, all with the same names of users, sessions, domains and releases.

Whatever forgets its tenant meets somebody else's record at once. Every check compares what a store says with
what was planted, and raises `AssertionError` at the first difference; a record of a tenant holds its canary.
"""

import contextlib
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple, Protocol

from memory.erasing import erase_from_lake, find_in_lake
from memory.errors import SessionForeign
from memory.objects import Objects
from memory.outbox import SqliteOutbox, open_outbox
from memory.parquet import ParquetLake, open_lake
from memory.ports import Store
from memory.records import Guidance, Profile, SessionEvent, TurnFinished
from memory.sqlite import ReleaseUnknown, open_store
from tests.conformance.samples import START, at, completed, feedback, release, turn_events

TENANTS, USERS, SESSIONS = 12, 6, 8
DOMAIN = "pumps"
SEED = 20261121


class Asked(NamedTuple):
    """Who asks (tenant and user) for which session, by name."""

    tenant: str
    user: str
    session: str


@dataclass
class World:
    """Who has what; nobody else has it."""

    owners: dict[tuple[str, str], str] = field(default_factory=dict)
    """The user of each session, by tenant and session."""

    profiles: set[tuple[str, str]] = field(default_factory=set)
    """Tenants and users of whom something is known."""

    closed: set[tuple[str, str]] = field(default_factory=set)
    """Sessions that are over."""

    live: dict[str, str] = field(default_factory=dict)
    """The live release of each tenant."""

    tenants: list[str] = field(default_factory=list)


def make_world(tenants: int = TENANTS, *, house: str = "tenant") -> World:
    """Draw who has which of the names that all tenants share; some names are nobody's at some tenants."""
    draw = random.Random(SEED)
    world = World(tenants=[f"{house}-{number}" for number in range(tenants)])
    for tenant in world.tenants:
        for session in range(SESSIONS):
            if draw.random() < 0.6:
                world.owners[tenant, f"session-{session}"] = f"user-{draw.randrange(USERS)}"
                if draw.random() < 0.3:
                    world.closed.add((tenant, f"session-{session}"))
        world.profiles |= {(tenant, f"user-{user}") for user in range(USERS) if draw.random() < 0.6}
        if draw.random() < 0.6:
            world.live[tenant] = f"r-{draw.randrange(3)}"
    return world


def pairs(world: World, count: int) -> Iterator[Asked]:
    """Yield random askers and sessions, the same ones each time."""
    draw = random.Random(SEED + 1)
    for _ in range(count):
        tenant = draw.choice(world.tenants)
        yield Asked(tenant, f"user-{draw.randrange(USERS)}", f"session-{draw.randrange(SESSIONS)}")


def owners(world: World) -> list[Asked]:
    """Return every session, asked for by its owner."""
    return [Asked(tenant, user, session) for (tenant, session), user in world.owners.items()]


def canary(*owner: str) -> str:
    """Return words that stand in the records of this owner alone."""
    return "zq" + "-".join(owner).replace("tenant-", "t").replace("user-", "u").replace("session-", "s")


def without(world: World, tenant: str, user: str) -> World:
    """Return the world after a person was erased, and what was learned at their tenant."""
    return World(
        tenants=world.tenants,
        owners={place: owner for place, owner in world.owners.items() if (place[0], owner) != (tenant, user)},
        profiles=world.profiles - {(tenant, user)},
        closed={place for place in world.closed if (place[0], world.owners[place]) != (tenant, user)},
        live={one: live for one, live in world.live.items() if one != tenant},
    )


class Erasing(Protocol):
    """Erases records of one tenant."""

    async def sessions(self, user: str) -> dict[str, str]: ...

    async def erase_user(self, user: str) -> int: ...

    async def erase_releases(self, domain: str) -> list[str]: ...


async def check_erasing(
    world: World, store: Store, erasing: Callable[[str], Erasing], asked: Sequence[Asked]
) -> None:
    """Erase a person who has the name of others; those are whole, the person is gone."""
    await plant_records(world, store)
    tenant = next(iter(world.live))
    user = next(owner for (one, _), owner in world.owners.items() if one == tenant)
    own = {session for (one, session), owner in world.owners.items() if (one, owner) == (tenant, user)}
    records = erasing(tenant)
    assert await records.sessions(user) == dict.fromkeys(own, DOMAIN)
    paths = await records.erase_releases(DOMAIN)
    assert paths == [canary(tenant, one) for one in ("r-0", "r-1", "r-2")]
    assert await records.erase_user(user) == ((tenant, user) in world.profiles)
    await check_records(without(world, tenant, user), store, asked)


# --- the small records -----------------------------------------------------------------------------


async def plant_records(world: World, store: Store) -> None:
    """Put profiles, sessions and releases in, tenant by tenant: each could overwrite the one before."""
    try:
        await plant_profiles(world, store)
        await plant_conversations(world, store)
        await plant_releases(world, store)
    except (SessionForeign, ReleaseUnknown) as kept_from:
        raise AssertionError("a tenant is kept from a name because another has it") from kept_from


async def plant_profiles(world: World, store: Store) -> None:
    for tenant, user in sorted(world.profiles):
        await store.profiles(tenant).put(Profile(user=user, preferences={"canary": canary(tenant, user)}))


async def plant_conversations(world: World, store: Store) -> None:
    for (tenant, session), user in world.owners.items():
        conversations = store.conversations(tenant)
        number = world.tenants.index(tenant)
        await conversations.open(session, user=user, domain=DOMAIN, at=START)
        await conversations.touch(session, turns=number + 1, at=at(number))
        if (tenant, session) in world.closed:
            assert await conversations.complete(session, at=at(number)), "closed by somebody else"


async def plant_releases(world: World, store: Store) -> None:
    for tenant, live in world.live.items():
        registry = store.registry(tenant)
        for release_id in ("r-0", "r-1", "r-2"):
            made = release(release_id, tenant=tenant)
            await registry.publish(made.model_copy(update={"path": canary(tenant, release_id)}))
        await registry.promote(DOMAIN, live)


async def check_profiles(world: World, store: Store, asked: Sequence[Asked]) -> None:
    for one in asked:
        found = await store.profiles(one.tenant).get(one.user)
        known = (one.tenant, one.user) in world.profiles
        assert found.user == one.user
        assert found.preferences == ({"canary": canary(one.tenant, one.user)} if known else {})


async def check_conversations(world: World, store: Store, asked: Sequence[Asked]) -> None:
    for one in asked:
        owner = world.owners.get((one.tenant, one.session))
        try:
            found = await store.conversations(one.tenant).get(one.session, user=one.user)
        except SessionForeign:
            assert owner != one.user, f"{one} is kept from its owner"
            continue
        assert (found.tenant, found.user, owner) == (one.tenant, one.user, one.user)
        assert found.turns == world.tenants.index(one.tenant) + 1
        assert found.completed == ((one.tenant, one.session) in world.closed)


async def check_opened_conversations(world: World, store: Store, asked: Sequence[Asked]) -> None:
    """A session of somebody else is not opened either; only names that are taken are asked for."""
    for one in asked:
        owner = world.owners.get((one.tenant, one.session))
        if owner is None:
            continue
        try:
            found = await store.conversations(one.tenant).open(
                one.session, user=one.user, domain=DOMAIN, at=START
            )
        except SessionForeign:
            assert owner != one.user
            continue
        assert (found.tenant, found.user, owner) == (one.tenant, one.user, one.user)
        assert found.turns == world.tenants.index(one.tenant) + 1


async def check_lists(world: World, store: Store) -> None:
    """What is listed for upkeep and for a user is the tenant's own, all of it."""
    late = START + timedelta(days=1)
    for tenant in world.tenants:
        own = {session: user for (t, session), user in world.owners.items() if t == tenant}
        still_open = sorted(session for session in own if (tenant, session) not in world.closed)
        idle = await store.conversations(tenant).idle(before=late)
        assert sorted(one.session_id for one in idle) == still_open
        assert {one.tenant for one in idle} <= {tenant}
        for user in sorted(set(own.values())):
            found = await store.conversations(tenant).of_user(user, limit=100)
            assert {one.session_id for one in found} == {s for s, owner in own.items() if owner == user}
            assert {one.turns for one in found} == {world.tenants.index(tenant) + 1}


async def check_releases(world: World, store: Store) -> None:
    """Releases are the tenant's own; those of others cannot even be put in use."""
    for tenant in world.tenants:
        registry = store.registry(tenant)
        if tenant not in world.live:
            with contextlib.suppress(ReleaseUnknown):
                await registry.promote(DOMAIN, "r-0")
                raise AssertionError(f"{tenant} uses a release of another")
        found, live = await registry.releases(DOMAIN), await registry.live(DOMAIN)
        expected = {canary(tenant, one) for one in ("r-0", "r-1", "r-2")} if tenant in world.live else set()
        assert {one.path for one in found} == expected
        wanted = world.live.get(tenant)
        assert (live and live.path) == (wanted and canary(tenant, wanted))


async def check_records(world: World, store: Store, asked: Sequence[Asked]) -> None:
    """Run every check of the small records."""
    await check_profiles(world, store, asked)
    await check_conversations(world, store, asked)
    await check_opened_conversations(world, store, asked)
    await check_lists(world, store)
    await check_releases(world, store)


# --- events ----------------------------------------------------------------------------------------


def events_of(world: World) -> list[SessionEvent]:
    """Return three kinds of events of every session; ids of sessions and requests are those of everybody."""
    found: list[SessionEvent] = []
    for (tenant, session), user in world.owners.items():
        turn = turn_events(session, tenant=tenant, domain=DOMAIN, query=canary(tenant, session))
        if isinstance(turn[-1], TurnFinished):
            turn[-1] = turn[-1].model_copy(update={"guidance": Guidance(arm="guided")})
        mine = [*turn, feedback(session, tenant=tenant), completed(session, tenant=tenant)]
        found += [event.model_copy(update={"user": user}) for event in mine]
    return found


@contextmanager
def journal(folder: Path) -> Iterator[SqliteOutbox]:
    with open_outbox(folder / "outbox.sqlite") as outbox:
        yield outbox


async def check_journal(world: World, outbox: SqliteOutbox, asked: Sequence[Asked]) -> None:
    """What waits is found by its tenant alone, and all of it is there."""
    assert outbox.pending() == 5 * len(world.owners), "one tenant's event passed for a repeat of another's"
    for one in asked:
        found = await outbox.session(one.session, one.tenant)
        _check_session(world, one, found)
    for tenant in world.tenants:
        _check_turns(world, tenant, await outbox.recent(tenant, limit=1000))


async def check_lake(world: World, lake: ParquetLake, asked: Sequence[Asked]) -> None:
    """Every way to read the lake gives a tenant's own events and no other."""
    for one in asked:
        _check_session(world, one, [event async for event in lake.session(one.session, tenant=one.tenant)])
    files = await lake.files()
    for tenant in world.tenants:
        scanned = [event async for event in lake.scan(tenant=tenant, domain=DOMAIN)]
        assert {event.tenant for event in scanned} <= {tenant}
        _check_turns(world, tenant, [one for one in scanned if isinstance(one, TurnFinished)])
        _check_turns(world, tenant, await lake.recent(tenant, domain=DOMAIN, limit=1000))
        guided = [await lake.guided_turns(file, tenant=tenant, domain=DOMAIN) for file in files]
        _check_turns(world, tenant, [turn for turns in guided for turn in turns])
        tables = [await lake.columns(file, tenant=tenant, domain=DOMAIN) for file in files]
        queries = {query for table in tables for query in table["query"].to_pylist() if query}
        assert queries == {canary(t, session) for t, session in world.owners if t == tenant}


def _check_session(world: World, one: Asked, found: Sequence[SessionEvent]) -> None:
    there = (one.tenant, one.session) in world.owners
    assert len(found) == (5 if there else 0)
    assert {event.tenant for event in found} <= {one.tenant}
    told = "".join(event.model_dump_json() for event in found)
    assert told.count("zq") == told.count(f'"{canary(one.tenant, one.session)}"')


def _check_turns(world: World, tenant: str, found: Sequence[TurnFinished]) -> None:
    own = {canary(t, session) for t, session in world.owners if t == tenant}
    assert {turn.query for turn in found} == own
    assert {turn.tenant for turn in found} <= {tenant}


async def check_erasing_from_lake(
    world: World, lake: ParquetLake, objects: Objects, asked: Sequence[Asked]
) -> None:
    """Erase a person from a lake in which other tenants have the same name."""
    await lake.write(events_of(world))
    (tenant, _), user = next(iter(world.owners.items()))
    found = find_in_lake(objects, tenant, user)
    own = [session for (one, session), owner in world.owners.items() if (one, owner) == (tenant, user)]
    assert sorted(found.sessions) == sorted(own)
    assert erase_from_lake(objects, found.files, tenant, user) == 8 * len(
        own
    )  # five events, three of them twice
    await check_lake(without(world, tenant, user), lake, asked)


# --- opening ---------------------------------------------------------------------------------------


@contextmanager
def sqlite_store(folder: Path) -> Iterator[Store]:
    with open_store(folder / "store.sqlite") as store:
        yield store


def lake_in(folder: Path) -> ParquetLake:
    return open_lake(folder / "lake")
