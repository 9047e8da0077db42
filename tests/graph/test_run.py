"""A turn from request to events."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from domains.model import Domain, Limits
from graph.state import KEEP_TURNS, KEPT, GraphState, Skills
from memory.records import (
    Analysis,
    Draft,
    GuidanceGiven,
    NodeFinished,
    PassageHit,
    SessionEvent,
    TurnFinished,
    TurnStarted,
    Verdict,
    VerdictGiven,
)
from nodes.local_judge import LocalJudge
from nodes.local_writer import LocalWriter
from tests.turns import DOMAIN, PASSAGES, Habits, Scripted, Words, open_bench

pytestmark = pytest.mark.anyio

LEAK = "My P1 has a leaking seal, what now?"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def nodes_of(events: list[SessionEvent]) -> list[str]:
    return [event.node for event in events if isinstance(event, NodeFinished)]


async def test_an_answer_quotes_the_passage_that_holds_it(tmp_path: Path) -> None:
    async with open_bench(tmp_path) as bench:
        reply = await bench.ask(LEAK)

    assert reply.kind == "answer"
    assert "Stop the pump and change the seal. [1]" in reply.reply
    assert [citation.source for citation in reply.citations][:1] == ["seals.md#leaking-seal"]
    assert reply.skills == {"classify": "scripted:1", "write": "local:extractive", "judge": "local:rules"}
    assert reply.entities == {"model": "P1"}
    assert reply.degraded == []


async def test_every_node_run_is_an_event_in_order(tmp_path: Path) -> None:
    async with open_bench(tmp_path) as bench:
        await bench.ask(LEAK)
        events = await bench.events()

    assert nodes_of(events) == [
        "input_guard",
        "query_analyzer",
        "query_transformer",
        "retriever",
        "generator",
        "judge",
        "output_guard",
        "memory_updater",
    ]
    assert [event.seq for event in events] == list(range(len(events)))
    assert isinstance(events[0], TurnStarted)
    assert isinstance(events[-1], TurnFinished)
    assert sum(isinstance(event, VerdictGiven) for event in events) == 1


async def test_a_request_sent_twice_is_answered_twice_and_done_once(tmp_path: Path) -> None:
    async with open_bench(tmp_path) as bench:
        first = await bench.ask(LEAK, request="r-1")
        again = await bench.ask(LEAK, request="r-1")
        events = await bench.events()

    assert again.reply == first.reply
    assert again.turn == first.turn == 1
    assert sum(isinstance(event, TurnFinished) for event in events) == 1


class Killed(BaseException):
    """Ends a turn as `kill -9` would: nothing handles it."""


class Dying:
    """A journal whose process ends before or after it has written."""

    def __init__(self, outbox: Any, *, is_written: bool) -> None:
        self._outbox, self._is_written = outbox, is_written

    async def append(self, events: list[SessionEvent]) -> None:
        if self._is_written:
            await self._outbox.append(events)
        raise Killed


@pytest.mark.parametrize("is_written", [False, True], ids=["before the journal", "after the journal"])
async def test_a_turn_asked_again_after_a_crash_past_the_checkpoint_is_recorded_once(
    tmp_path: Path, *, is_written: bool
) -> None:
    async with open_bench(tmp_path) as bench:
        outbox = bench.outbox
        bench.outbox = Dying(outbox, is_written=is_written)  # type: ignore[assignment]
        with pytest.raises(Killed):
            await bench.ask(LEAK, request="r-1")
        bench.outbox = outbox
        reply = await bench.ask(LEAK, request="r-1")
        following = await bench.ask(LEAK, request="r-2")
        events = await bench.events()

    ends = [event for event in events if isinstance(event, TurnFinished)]
    assert [(end.turn, end.request_id) for end in ends] == [(1, "r-1"), (2, "r-2")]
    assert ends[0].response == reply.reply == following.reply
    assert (reply.turn, reply.recorded, following.turn) == (1, True, 2)
    assert ends[0].cited == [citation.passage_id for citation in reply.citations] != []


async def test_a_failing_skill_is_replaced_by_the_local_one(tmp_path: Path) -> None:
    broken = Skills(
        classifier=Scripted(identity="model:x", failure=lambda: RuntimeError("secret text")),
        writer=LocalWriter(),
        judge=LocalJudge(),
    )
    async with open_bench(tmp_path, primary=broken) as bench:
        reply = await bench.ask(LEAK)
        events = await bench.events()

    assert reply.kind == "answer"
    assert reply.degraded == ["query_analyzer: RuntimeError, local skill"]
    assert reply.skills["classify"] == "scripted:1"
    [analyzed] = [e for e in events if isinstance(e, NodeFinished) and e.node == "query_analyzer"]
    assert [(a.skill, a.error) for a in analyzed.attempts] == [
        ("primary", "RuntimeError"),
        ("local", None),
    ]
    assert "secret text" not in str(events)


async def test_a_failing_turn_gets_the_static_reply(tmp_path: Path) -> None:
    broken = Skills(
        classifier=Scripted(failure=lambda: RuntimeError("boom")), writer=LocalWriter(), judge=LocalJudge()
    )
    async with open_bench(tmp_path, primary=broken, local=broken) as bench:
        reply = await bench.ask(LEAK)
        events = await bench.events()

    assert (reply.kind, reply.reply) == ("static", "Try again in a minute.")
    assert reply.degraded == ["query_analyzer: RuntimeError", "turn: static reply"]
    assert isinstance(events[-1], TurnFinished)


async def test_a_turn_past_its_deadline_gets_the_static_reply(tmp_path: Path) -> None:
    class Stuck(LocalWriter):
        async def write(self, state: object, domain: object) -> None:  # type: ignore[override]
            await asyncio.Event().wait()

    stuck = Skills(classifier=Scripted(), writer=Stuck(), judge=LocalJudge())
    domain = DOMAIN.model_copy(update={"limits": Limits(turn_s=0.2, node_s=5)})
    async with open_bench(tmp_path, primary=stuck, local=stuck, domain=domain) as bench:
        reply = await bench.ask(LEAK)

    assert reply.kind == "static"
    assert reply.degraded == ["turn: timeout"]


async def test_guidance_is_given_and_the_next_turn_says_whether_it_hit(tmp_path: Path) -> None:
    habits = Habits()
    how = "How do I change the seal of a P1?"
    procedure = Analysis(intent="procedure", intent_confidence=0.9, topic="seal", topic_confidence=0.9)
    scripted = Skills(classifier=Scripted(answers={how: procedure}), writer=LocalWriter(), judge=LocalJudge())
    async with open_bench(tmp_path, patterns=habits, release="r1", primary=scripted, local=scripted) as bench:
        first = await bench.ask(LEAK)
        second = await bench.ask(how)
        third = await bench.ask(LEAK)
        events = await bench.events()

    assert [s.label for s in first.guidance.suggestions] == ["procedure/seal"]
    assert (first.hit, second.hit, third.hit) == (None, True, False)
    assert habits.flows[1] == ["troubleshooting/seal", "procedure/seal"]
    assert sum(isinstance(event, GuidanceGiven) for event in events) == 3
    assert {event.release for event in events} == {"r1"}


async def test_the_holdout_arm_is_shown_nothing_but_its_record_holds_what_was_withheld(
    tmp_path: Path,
) -> None:
    habits = Habits(label="told/nobody")
    async with open_bench(tmp_path, patterns=habits, holdout_share=1.0) as bench:
        reply, again = await bench.ask(LEAK), await bench.ask(LEAK)
        events = await bench.events()
        turns = [event for event in events if isinstance(event, TurnFinished)]

    assert (reply.guidance.arm, reply.guidance.suggestions) == ("holdout", [])
    assert [one.pattern_id for one in turns[0].withheld] == ["p-1"]
    assert (turns[0].guidance.suggestions, turns[0].holdout_share) == ([], 1.0)
    assert again.hit is None  # nothing was remembered as suggested
    seen = [reply.model_dump_json(), again.model_dump_json(), *map(str, bench.streamed)]
    assert not any("told/nobody" in one for one in seen)


async def test_nothing_withheld_reaches_the_writer_or_the_search(tmp_path: Path) -> None:
    searched: list[str] = []

    class Watched(Words):
        async def search(self, query: str, *, k: int) -> list[PassageHit]:
            searched.append(query)
            return await super().search(query, k=k)

    written: dict[float, list[str]] = {}
    for share in (1.0, 0.0):
        patterns = Habits() if share else None
        (tmp_path / str(share)).mkdir()
        async with open_bench(
            tmp_path / str(share), knowledge=Watched(PASSAGES), patterns=patterns, holdout_share=share
        ) as bench:
            written[share] = [(await bench.ask(query)).reply for query in (LEAK, "And then?")]

    assert written[1.0] == written[0.0]
    assert searched[:2] == searched[2:]


async def test_an_unclear_follow_up_is_answered_when_patterns_say_what_comes_next(tmp_path: Path) -> None:
    habits = Habits(label="troubleshooting/seal")
    async with open_bench(tmp_path, patterns=habits) as bench:
        await bench.ask(LEAK)
        guided = await bench.ask("something is wrong again")
        bench.change(holdout_share=1.0)
        await bench.ask(LEAK, session="session-2")
        held_out = await bench.ask("something is wrong again", session="session-2")

    assert (guided.kind, held_out.kind) == ("answer", "clarification")
    assert guided.guidance.led_by is not None
    assert guided.guidance.led_by.pattern_id == "p-1"
    assert guided.citations


async def test_broken_patterns_do_not_keep_the_answer(tmp_path: Path) -> None:
    async with open_bench(tmp_path, patterns=Habits(failure=lambda: OSError("gone"))) as bench:
        reply = await bench.ask(LEAK)

    assert reply.kind == "answer"
    assert reply.degraded == ["query_transformer: OSError"]


async def test_a_secret_is_blocked_and_never_stored(tmp_path: Path) -> None:
    async with open_bench(tmp_path) as bench:
        reply = await bench.ask("My key AKIAIOSFODNN7QRSTUVW does not work with the P1")
        events = await bench.events()

    assert reply.kind == "blocked"
    assert "Revoke" in reply.reply
    assert nodes_of(events) == ["input_guard", "output_guard", "memory_updater"]
    assert b"AKIAIOSFODNN7QRSTUVW" not in b"".join(f.read_bytes() for f in tmp_path.iterdir())


async def test_an_unclear_question_is_asked_about_then_escalated(tmp_path: Path) -> None:
    async with open_bench(tmp_path) as bench:
        replies = [await bench.ask("it is doing the thing again") for _ in range(3)]
        clear = await bench.ask(LEAK)
        events = await bench.events()

    assert [reply.kind for reply in replies] == ["clarification", "clarification", "escalation"]
    assert "1. Something is wrong." in replies[0].reply
    assert clear.kind == "answer"
    assert "generator" not in nodes_of([e for e in events if e.turn < 4])


async def test_what_the_knowledge_does_not_hold_is_refused(tmp_path: Path) -> None:
    async with open_bench(tmp_path) as bench:
        reply = await bench.ask("Which galaxies merged before Andromeda formed its spiral arms?")

    assert (reply.kind, reply.reply, reply.citations) == ("refusal", "I found nothing about this.", [])


async def test_a_full_disk_does_not_keep_the_answer(tmp_path: Path) -> None:
    async with open_bench(tmp_path) as bench:
        [(pages,)] = bench.outbox._file.read("PRAGMA page_count")
        await bench.outbox._file.write(lambda c: c.execute(f"PRAGMA max_page_count={pages}").fetchall())
        replies = [await bench.ask(LEAK, session=f"s-{n}") for n in range(12)]
        await bench.outbox._file.write(lambda c: c.execute("PRAGMA max_page_count=1000000").fetchall())
        after = await bench.ask(LEAK, session="s-after")
        [(check,)] = bench.outbox._file.read("PRAGMA integrity_check")

    assert {reply.kind for reply in replies} == {"answer"}
    assert not replies[-1].recorded
    assert replies[-1].degraded == ["events: memory.storage_failed"]
    assert after.recorded
    assert check == "ok"


async def test_the_stream_tells_the_turn_in_order_and_the_text_only_after_the_guard(tmp_path: Path) -> None:
    async with open_bench(tmp_path) as bench:
        reply = await bench.ask(LEAK)
        kinds = [event.type for event in bench.streamed]

    assert kinds[0] == "start"
    assert kinds[-1] == "final"
    assert kinds.index("token") > max(n for n, kind in enumerate(kinds) if kind == "node")
    assert [event.id for event in bench.streamed] == list(range(len(kinds)))
    text = "".join(event.data["text"] for event in bench.streamed if event.type == "token")
    assert text == reply.reply


async def test_a_session_keeps_only_its_last_turns(tmp_path: Path) -> None:
    async with open_bench(tmp_path) as bench:
        for _ in range(9):
            await bench.ask(LEAK)
        [snapshot] = [s async for s in bench.graph.checkpointer.alist(None, limit=1)]  # type: ignore[union-attr]

    values = snapshot.checkpoint["channel_values"]
    assert values.keys() == {"session"}
    assert values["session"].keys() == set(KEPT)
    assert len(values["session"]["turns"]) == KEEP_TURNS
    assert len(values["session"]["flow"]) == 9


async def test_a_poor_draft_is_written_again_with_the_feedback_and_the_best_leaves(
    tmp_path: Path,
) -> None:
    heard: list[list[str]] = []

    class Drafts(LocalWriter):
        async def write(self, state: GraphState, domain: Domain) -> Draft:
            heard.append(state.verdict.feedback if state.verdict else [])
            return Draft(text=f"Draft {len(heard)}.", skill="scripted")

    class Strict:
        async def judge(self, state: GraphState, domain: Domain) -> Verdict:
            score = {"Draft 1.": 0.3, "Draft 2.": 0.5, "Draft 3.": 0.2}[
                state.draft.text if state.draft else ""
            ]
            return Verdict(decision="revise", score=score, feedback=[f"better than {score}"])

    skills = Skills(classifier=Scripted(), writer=Drafts(), judge=Strict())
    async with open_bench(tmp_path, primary=skills, local=skills) as bench:
        reply = await bench.ask(LEAK)
        events = await bench.events()

    assert heard == [[], ["better than 0.3"], ["better than 0.5"]]
    assert (reply.reply, reply.verdict, reply.score) == ("Draft 2.", "accept", 0.5)
    assert nodes_of(events).count("generator") == nodes_of(events).count("judge") == 3


async def test_drafts_that_are_all_poor_are_not_sent(tmp_path: Path) -> None:
    class Never:
        async def judge(self, state: GraphState, domain: Domain) -> Verdict:
            return Verdict(decision="revise", score=0.1, feedback=["all of it"])

    skills = Skills(classifier=Scripted(), writer=LocalWriter(), judge=Never())
    async with open_bench(tmp_path, primary=skills, local=skills) as bench:
        reply = await bench.ask(LEAK)

    assert (reply.kind, reply.verdict, reply.reply) == ("refusal", "refuse", "I found nothing about this.")
