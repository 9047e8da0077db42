"""What outlives a turn: the session's memory and the profile."""

from pathlib import Path
from typing import Any

import pytest

from graph.state import KEEP_STEPS, KEEP_TURNS, GraphUpdate
from memory.errors import StorageFailed
from memory.records import Guidance, Profile, Suggestion
from memory.sqlite import open_store
from nodes.memory_updater import KEPT_COUNTS, REPLY_CHARACTERS, memory_updater
from tests.nodes.parts import SEAL, context, draft
from tests.turns import START, state

pytestmark = pytest.mark.anyio

TURN: Any = {"query": "q", "reply": "r", "label": "procedure", "at": 0.0}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def update_of(**fields: Any) -> GraphUpdate:
    return await memory_updater(state(**{"query": "It leaks", "analysis": SEAL, **fields}), context())


async def profile_after(folder: Path, turns: list[dict[str, Any]]) -> Profile:
    with open_store(folder / "store.sqlite") as store:
        profiles = store.profiles("local")
        for fields in turns:
            given = state(**{"query": "It leaks", "analysis": SEAL, **fields})
            await memory_updater(given, context(profiles=profiles))
        return await profiles.get("ann")


async def test_a_turn_is_appended_with_its_step() -> None:
    update = await update_of(reply="Change the seal.", turns=[TURN], flow=["procedure"])

    assert update["turns"] == [
        TURN,
        {
            "query": "It leaks",
            "reply": "Change the seal.",
            "label": "troubleshooting/seal",
            "at": START.timestamp(),
        },
    ]
    assert update["flow"] == ["procedure", "troubleshooting/seal"]


async def test_memory_of_a_session_does_not_grow_for_ever() -> None:
    update = await update_of(reply="word " * 1000, turns=[TURN] * 20, flow=["procedure"] * 200)

    assert (len(update["turns"]), len(update["flow"])) == (KEEP_TURNS, KEEP_STEPS)
    assert len(update["turns"][-1]["reply"]) <= REPLY_CHARACTERS
    assert update["flow"][-1] == "troubleshooting/seal"


async def test_a_turn_that_was_not_understood_is_no_step_and_is_not_learned_from(tmp_path: Path) -> None:
    update = await update_of(is_unclear=True, reply_kind="clarification", unclear_turns=1)

    assert "flow" not in update
    assert (update["unclear_turns"], update["turns"][0]["label"]) == (2, "")
    assert (await profile_after(tmp_path, [{"is_unclear": True}])).turns == 0


async def test_an_understood_turn_ends_the_row_of_questions_back() -> None:
    assert (await update_of(unclear_turns=2))["unclear_turns"] == 0


@pytest.mark.parametrize(("kind", "kept"), [("clarification", ["procedure"]), ("answer", [])])
async def test_readings_are_on_offer_until_the_next_turn_ends(kind: str, kept: list[str]) -> None:
    assert (await update_of(reply_kind=kind, offered=["procedure"]))["offered"] == kept


async def test_a_blocked_turn_is_remembered_without_a_step() -> None:
    update = await update_of(analysis=None, reply="No.", reply_kind="blocked")

    assert update["turns"][0]["label"] == ""
    assert "flow" not in update


async def test_what_was_suggested_is_kept_for_the_next_turn() -> None:
    suggestion = Suggestion(
        label="procedure/seal", confidence=0.7, pattern_id="p", support=9, success_rate=0.8
    )
    shown = await update_of(guidance=Guidance(suggestions=[suggestion], arm="guided"))

    assert shown["suggested"] == ["procedure/seal"]
    assert (await update_of(suggested=["procedure"]))["suggested"] == []


async def test_the_last_reply_is_kept_to_be_given_again_with_the_citations_of_an_answer() -> None:
    cited = draft("Stop. [1]", "seal-1")
    answer = await update_of(reply="Stop. [1]", draft=cited)
    refusal = await update_of(reply="Nothing.", reply_kind="refusal", draft=cited)

    assert answer["last_reply"]["request_id"] == "r-1"
    assert [citation["passage_id"] for citation in answer["last_reply"]["citations"]] == ["seal-1"]
    assert refusal["last_reply"]["citations"] == []


async def test_a_profile_counts_sessions_turns_steps_and_things(tmp_path: Path) -> None:
    named = SEAL.model_copy(update={"entities": {"model": "P1"}})
    profile = await profile_after(
        tmp_path, [{"analysis": named}, {"flow": ["troubleshooting/seal"]}, {"analysis": named}]
    )

    assert (profile.sessions, profile.turns) == (2, 3)
    assert profile.intents == {"troubleshooting/seal": 3}
    assert profile.entities == {"model:P1": 2}
    assert profile.updated_at == START


@pytest.mark.parametrize(
    ("query", "style"), [("It leaks", "terse"), ("word " * 10, "plain"), ("word " * 40, "detailed")]
)
async def test_the_style_follows_the_usual_length(query: str, style: str, tmp_path: Path) -> None:
    profile = await profile_after(tmp_path, [{"query": query}] * 2)

    assert profile.style == style
    assert profile.words_per_question == len(query.split())


async def test_a_thing_named_three_times_is_taken_for_theirs_until_another_leads(tmp_path: Path) -> None:
    def named(model: str) -> dict[str, Any]:
        return {"analysis": SEAL.model_copy(update={"entities": {"model": model}})}

    assert (await profile_after(tmp_path, [named("P1")] * 2)).preferences == {}
    assert (await profile_after(tmp_path, [named("P1")])).preferences == {"model": "P1"}
    assert (await profile_after(tmp_path, [named("P2")] * 4)).preferences == {"model": "P2"}


async def test_a_profile_keeps_the_most_frequent_labels_only(tmp_path: Path) -> None:
    often = {"analysis": SEAL}
    seldom = [{"analysis": SEAL.model_copy(update={"topic": f"t{n:03}"})} for n in range(KEPT_COUNTS + 10)]
    profile = await profile_after(tmp_path, [often, often, *seldom])

    assert len(profile.intents) == KEPT_COUNTS
    assert profile.intents["troubleshooting/seal"] == 2


class Unreachable:
    """Profiles that nobody can read or write."""

    async def get(self, user: str) -> Profile:
        raise StorageFailed("profiles", "gone")

    async def put(self, profile: Profile) -> None:
        raise StorageFailed("profiles", "gone")


async def test_a_session_goes_on_when_the_profile_cannot_be_kept() -> None:
    around = context(profiles=Unreachable())

    update = await memory_updater(state(query="It leaks", analysis=SEAL), around)

    assert update["flow"] == ["troubleshooting/seal"]
    assert around.log.degraded == ["profile: memory.storage_failed"]
