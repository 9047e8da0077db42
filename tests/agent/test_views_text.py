"""What the terminal shows."""

from datetime import UTC, datetime

import pytest
from inline_snapshot import snapshot

from agent.views.text import (
    domain_text,
    graph_text,
    guidance_text,
    pattern_table,
    reply_text,
    timeline_text,
    trace_list_text,
)
from agent.views.words import percent, replaced, time_taken
from domains.model import Domain
from graph.trace import ModelCall, NodeRun, ToolCall, Trace
from memory.records import (
    Attempt,
    Citation,
    Guidance,
    Pattern,
    Suggestion,
    TurnFinished,
    parse_step,
)
from memory.turns import TurnReply
from tests.agent.traces import bare_turn

AT = datetime(2026, 11, 21, 8, 5, tzinfo=UTC)

GUIDANCE = Guidance(
    suggestions=[
        Suggestion(
            label="procedure/seal",
            confidence=0.62,
            pattern_id="p-0123456789abcdef",
            support=1204,
            success_rate=0.91,
            why="status_check/seal > troubleshooting/seal",
        ),
        Suggestion(label="maintenance", confidence=0.08, pattern_id="p-fedcba9876543210", support=3),
    ],
    arm="guided",
    release="r-1",
    duration_ms=0.8,
)

REPLY = TurnReply(
    session_id="s-1",
    request_id="q-1",
    domain="pumps",
    turn=2,
    reply="Stop the pump and change the seal. [1]",
    degraded=["query_analyzer: timeout, local skill"],
    citations=[
        Citation(
            number=1,
            passage_id="seal-1",
            title="Seals › Leaking seal",
            source="seals.md#leaking-seal",
            quote="Stop the pump and change the seal.",
            sample=True,
        )
    ],
    intent="troubleshooting",
    topic="seal",
    intent_confidence=0.93,
    guidance=GUIDANCE,
    hit=True,
    verdict="accept",
    score=0.88,
    skills={"classify": "local:softmax", "judge": "local:rules"},
    duration_ms=24.6,
)

TRACE = Trace(
    session_id="s-1",
    request_id="q-1",
    turn=2,
    domain="pumps",
    query="My P1 leaks.",
    verdict="accept",
    score=0.88,
    degraded=["retriever: timeout"],
    followed=False,
    release="r-1",
    started_at=AT,
    duration_ms=2000,
    is_complete=True,
    runs=[
        NodeRun(
            node="query_analyzer",
            run=1,
            start_ms=0,
            duration_ms=500,
            attempts=[
                Attempt(skill="primary", duration_ms=400, error="throttled"),
                Attempt(skill="local", duration_ms=100),
            ],
            changed={"analysis": {"intent": "troubleshooting", "intent_confidence": 0.93}},
        ),
        NodeRun(
            node="retriever",
            run=1,
            start_ms=500,
            duration_ms=0.25,
            changed={"passages": [{"passage_id": "a"}, "… 7 more"]},
        ),
        NodeRun(
            node="generator",
            run=2,
            start_ms=1000,
            duration_ms=1000,
            changed={"draft": {"text": "x", "citations": [{"number": 1}]}},
        ),
    ],
    model_calls=[ModelCall(node="generator", model="m", duration_ms=900)],
    input_tokens=1840,
    output_tokens=412,
    cost_usd=0.011,
    tool_calls=[ToolCall(tool="check_limit", duration_ms=3.2, error="ToolFailed")],
)

PATTERN = Pattern(
    pattern_id="p-0123456789abcdef",
    pattern_type="sequence",
    sequence=[parse_step("troubleshooting/seal"), parse_step("procedure/seal")],
    frequency=12_345,
    users=410,
    success_rate=0.83,
    avg_completion_time=345.0,
    last_updated=AT,
)


def finished(request_id: str, query: str) -> TurnFinished:
    return TurnFinished(
        event_id=request_id,
        session_id="s-1",
        tenant="t",
        domain="pumps",
        user="u",
        turn=1,
        seq=9,
        at=AT,
        request_id=request_id,
        query=query,
        response="r",
        intent="troubleshooting",
        topic="seal",
        confidence=0.93,
        verdict="accept",
        duration_ms=24.6,
    )


def test_a_reply_shows_answer_sources_next_steps_and_figures() -> None:
    assert reply_text(REPLY) == snapshot("""\
Stop the pump and change the seal. [1]

[1] Seals › Leaking seal (sample text)
    seals.md#leaking-seal

Likely next
likely  next step                                           pattern             sessions  solved
────────────────────────────────────────────────────────────────────────────────────────────────
   62%  procedure/seal                                      p-0123456789abcdef     1,204     91%
    8%  maintenance                                         p-fedcba9876543210         3       –

25 ms · troubleshooting/seal 93% · accept 0.88 · as foreseen · classify local:softmax
judge local:rules
Note: query analyzer took too long, the local skill took over\
""")


def test_a_line_of_figures_breaks_between_facts_only() -> None:
    shown = reply_text(REPLY, width=40)

    assert "25 ms · troubleshooting/seal 93%\naccept 0.88 · as foreseen\n" in shown


def test_a_title_that_says_sample_itself_is_not_marked_twice() -> None:
    cited = REPLY.citations[0].model_copy(update={"title": "Seals (sample text) › Leaking seal"})

    assert reply_text(REPLY.model_copy(update={"citations": [cited]})).count("(sample text)") == 1


def test_a_bare_reply_is_the_answer_and_one_line() -> None:
    bare = TurnReply(
        session_id="s",
        request_id="q",
        domain="d",
        turn=1,
        reply="Ask sales.",
        kind="blocked",
        duration_ms=0.4,
    )

    assert reply_text(bare) == "Ask sales.\n\n0.4 ms · blocked"


def test_a_timeline_shows_times_attempts_and_what_came_of_each_run() -> None:
    assert timeline_text(TRACE) == snapshot("""\
turn 2 of session s-1 · pumps · q-1
> My P1 leaks.

node             start    time                    result
────────────────────────────────────────────────────────────────────────────────────────────────
query_analyzer  0.0 ms  500 ms  ████              primary skill: throttled · troubleshooting 93%
retriever       500 ms  0.2 ms      █             8 passages
generator 2      1.0 s   1.0 s          ████████  draft with 1 source

tool check_limit · 3.2 ms · ToolFailed
1 model call · 1,840 tokens in, 412 out · $0.0110
answer · 2.0 s · accept 0.88 · the next step was another · release r-1
Note: retriever took too long\
""")


def test_guidance_shows_the_patterns_behind_it() -> None:
    assert guidance_text(GUIDANCE) == snapshot("""\
after status_check/seal > troubleshooting/seal
likely  next step                                           pattern             sessions  solved
────────────────────────────────────────────────────────────────────────────────────────────────
   62%  procedure/seal                                      p-0123456789abcdef     1,204     91%
    8%  maintenance                                         p-fedcba9876543210         3       –
release r-1 · 0.8 ms\
""")


def test_a_follow_up_says_as_which_step_it_was_searched_and_which_pattern_says_so() -> None:
    led = GUIDANCE.model_copy(update={"led_by": GUIDANCE.suggestions[0]})

    assert guidance_text(led).splitlines()[:2] == [
        "Searched as procedure/seal, 62% likely after status_check/seal > troubleshooting/seal",
        "(p-0123456789abcdef)",
    ]


@pytest.mark.parametrize(
    ("guidance", "reason"),
    [
        (GUIDANCE.model_copy(update={"arm": "holdout"}), "withheld in this session"),
        (Guidance(arm="guided", release="r-1", over_budget=True), "ran over its time budget"),
        (Guidance(arm="guided", release="r-1"), "no pattern fits"),
        (Guidance(), "nothing has been learned"),
    ],
)
def test_missing_guidance_says_why(guidance: Guidance, reason: str) -> None:
    assert reason in guidance_text(guidance)


def test_a_list_of_turns_has_ids_just_long_enough() -> None:
    rows = [finished("aaaaaaaaaa1xyz", "My P1 leaks.\nBadly."), finished("aaaaaaaaaa2xyz", "word " * 40)]

    assert trace_list_text(rows) == snapshot("""\
at (UTC)     id           step                  sure   time  judged  question
────────────────────────────────────────────────────────────────────────────────────────────────
11-21 08:05  aaaaaaaaaa1  troubleshooting/seal   93%  25 ms  accept  My P1 leaks. Badly.
11-21 08:05  aaaaaaaaaa2  troubleshooting/seal   93%  25 ms  accept  word word word word word w…\
""")
    assert trace_list_text([]) == "no turns yet"


def test_patterns_show_their_whole_sequence_and_all_figures() -> None:
    assert pattern_table([PATTERN]) == snapshot("""\
pattern             kind      steps                           sessions  users  solved  mean time
────────────────────────────────────────────────────────────────────────────────────────────────
p-0123456789abcdef  sequence  troubleshooting/seal >            12,345    410     83%      6 min
                              procedure/seal\
""")
    assert pattern_table([]) == "no patterns yet"


def test_the_graph_shows_every_node_and_where_it_leads() -> None:
    shown = graph_text()

    assert shown.splitlines()[2].split()[:3] == ["input_guard", "→", "query_analyzer"]
    assert "memory_updater     → end" in shown


def test_a_domain_shows_what_it_knows() -> None:
    domain = Domain.model_validate(
        {
            "name": "pumps",
            "title": "Pumps",
            "description": "Helps with pumps.",
            "knowledge": {"sample": True},
            "intents": {
                "troubleshooting": {"description": "x", "topics": {"seal": ["It leaks."]}},
                "procedure": {"description": "y", "examples": ["How?"]},
            },
            "replies": {"static": "a", "escalation": "b", "off_topic": "c"},
        }
    )

    assert domain_text(domain) == snapshot("""\
pumps · Pumps
Helps with pumps.

entities   –
tools      –
forbidden  –
knowledge  knowledge (sample text)
asks back  below 35% confidence
judge      accepts at 0.60, 2 revisions at most
limits     turn 30 s, node 12 s, guidance 25 ms

intent           topics                                                                 examples
────────────────────────────────────────────────────────────────────────────────────────────────
troubleshooting  seal                                                                          1
procedure        –                                                                             1\
""")


@pytest.mark.parametrize("width", [40, 60, 96, 200])
def test_figures_are_never_cut_off(width: int) -> None:
    long = PATTERN.model_copy(update={"sequence": [parse_step("a_long_intent/a_long_topic")] * 9})
    rows = [finished("aaaaaaaaaa1xyz", "word " * 40)]

    patterns = pattern_table([long], width=width)
    assert all(figure in patterns for figure in ("p-0123456789abcdef", "12,345", "410", "83%", "6 min"))
    suggestions = guidance_text(GUIDANCE, width=width)
    assert all(figure in suggestions for figure in ("62%", "p-fedcba9876543210", "1,204", "91%"))
    assert all(figure in timeline_text(TRACE, width=width) for figure in ("500 ms", "0.2 ms", "1.0 s"))
    assert all(figure in trace_list_text(rows, width=width) for figure in ("11-21 08:05", "93%", "25 ms"))


def test_what_users_and_documents_wrote_cannot_steer_the_terminal() -> None:
    shown = reply_text(
        REPLY.model_copy(update={"reply": "a\x1b[2Jb\x07 [bold]c[/bold] :smile:"}), colour=False
    )

    assert shown.startswith("ab [bold]c[/bold] :smile:\n")


def test_no_label_of_a_log_can_steer_it_either() -> None:
    steered = PATTERN.model_copy(update={"sequence": [parse_step("a\x1b]0;title\x07b/c\x1b[31md")]})

    assert "\x1b" not in pattern_table([steered]) and "\x07" not in pattern_table([steered])


def test_there_is_colour_only_when_asked_for() -> None:
    assert "\x1b[" not in reply_text(REPLY)
    assert "\x1b[" in reply_text(REPLY, colour=True)


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("query_analyzer: timeout, local skill", "query analyzer took too long, the local skill took over"),
        ("retriever: ConnectionError", "retriever failed (ConnectionError)"),
        ("turn: timeout", "the turn ran out of time"),
        ("turn: static reply", "a fixed sentence was sent"),
        ("turn: KeyError", "the turn broke off (KeyError)"),
        ("events: memory.storage_failed", "the turn could not be recorded (memory.storage_failed)"),
    ],
)
def test_what_was_replaced_is_told_in_plain_words(reason: str, words: str) -> None:
    assert replaced(reason) == words


@pytest.mark.parametrize(
    ("duration_ms", "shown"),
    [
        (None, "–"),
        (0.04, "<0.1 ms"),
        (9.94, "9.9 ms"),
        (999.4, "999 ms"),
        (999.6, "1.0 s"),
        (120_000, "2 min"),
    ],
)
def test_times_have_the_unit_that_fits(duration_ms: float | None, shown: str) -> None:
    assert time_taken(duration_ms) == shown


@pytest.mark.parametrize(
    ("share", "shown"),
    [(None, "–"), (0, "0%"), (0.004, "<1%"), (0.006, "1%"), (0.83, "83%"), (0.9996, ">99%"), (1, "100%")],
)
def test_a_share_claims_no_certainty_that_is_none(share: float | None, shown: str) -> None:
    assert percent(share) == shown


def test_in_a_notebook_text_is_returned_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)

    assert guidance_text(Guidance(arm="holdout")).startswith("No suggestion: ")
    assert "p-0123456789abcdef" in guidance_text(GUIDANCE)


def test_turns_of_a_sample_log_are_called_sample() -> None:
    sample = bare_turn(sample=True)

    assert "sample session" in timeline_text(sample)
    assert "sample" not in timeline_text(bare_turn())


def test_the_list_of_turns_says_which_are_sample() -> None:
    common = {
        "event_id": "e",
        "session_id": "s",
        "tenant": "t",
        "domain": "d",
        "user": "u",
        "turn": 1,
        "seq": 0,
    }
    row = TurnFinished(
        **common, at=AT, query="q", response="", intent="i", confidence=1, duration_ms=0, sample=True
    )

    assert " sample  q" in trace_list_text([row])
