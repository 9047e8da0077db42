"""The one-file trace: whole, safe, bounded."""

from html.parser import HTMLParser

import pytest

from agent.views.html import FULL_TURNS, run_html, trace_html
from graph.trace import NodeRun
from memory.records import Citation, Guidance
from memory.turns import TurnReply
from tests.agent.traces import bare_turn, eventful_turn

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\x00\x1b[2J\u202eabc\ud800 سلام & \"'"


class Reader(HTMLParser):
    """Notes tags, attributes and visible text, and that tags close as they were opened."""

    VOID = frozenset({"meta", "img", "link", "br", "hr", "input"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.said: list[str] = []
        self.feed(page)
        assert self.open == []
        self.text = " ".join(" ".join(self.said).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.said.append(data)


def test_a_page_tells_the_whole_turn() -> None:
    said = Reader(trace_html([eventful_turn()], title="A seal")).text

    for part in (
        "A leak shows as drops. [1]",
        "generator took too long, the local skill took over",
        "judge: accept 0.88",
        "written by local:extractive",
        "release r-1",
        "Seals › Leaking seal sample text seals.md#leaking-seal",
        "p-3f2a9c1b0d5e7f11 142 sessions, 91% solved status_check/seal > troubleshooting/seal",
        "p-81c0ffee12345678 1 session, outcomes unknown",
        "primary failed after 22 ms (timeout), then local worked in 12 ms",
        "generator: m-1 21 ms 1,840 9 unknown",
        "tool parts: answered 2.1 ms",
        "State before (1 field)",
    ):
        assert part in said


def test_a_node_run_shows_what_it_changed() -> None:
    said = Reader(trace_html([eventful_turn()], title="t")).text

    assert (
        'verdict {"decision": "revise", "score": 0.52, "skill": "local:rules"} {"decision": "accept"' in said
    )


def test_a_page_needs_nothing_else() -> None:
    page = trace_html([eventful_turn(), bare_turn(2)], title="t")

    read = Reader(page)
    assert read.tags.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "form", "a", "base"})
    assert read.attributes.isdisjoint({"src", "href", "srcset", "action", "onload", "onerror", "onclick"})
    assert "://" not in page.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert "@import" not in page and "url(" not in page


def test_what_others_wrote_is_text_and_nothing_else() -> None:
    trace = eventful_turn(reply=HOSTILE, query=HOSTILE)
    suggestion = trace.guidance.suggestions[0].model_copy(update={"label": HOSTILE, "why": HOSTILE})
    foreign = trace.model_copy(
        update={
            "session_id": HOSTILE,
            "domain": HOSTILE,
            "release": HOSTILE,
            "degraded": [HOSTILE],
            "guidance": Guidance(suggestions=[suggestion]),
            "runs": [
                NodeRun(
                    node=HOSTILE,
                    run=1,
                    start_ms=0,
                    duration_ms=1,
                    changed={HOSTILE: HOSTILE, "draft": {HOSTILE: [HOSTILE]}},
                )
            ],
        }
    )

    page = trace_html([foreign], title=HOSTILE)

    read = Reader(page)
    assert {"script", "img"}.isdisjoint(read.tags) and "onerror" not in read.attributes
    assert "<script>alert(1)</script>" in read.text and "سلام" in read.text
    assert {"\x00", "\x1b", "\u202e", "\ud800"}.isdisjoint(page)
    assert page.encode()


def test_very_long_texts_are_cut_and_the_cut_is_told() -> None:
    huge = "word " * 200_000
    trace = eventful_turn(reply=huge, query=huge)
    run = NodeRun(node="generator", run=1, start_ms=0, duration_ms=1, changed={"draft": huge})

    page = trace_html([trace.model_copy(update={"runs": [run] * 500})], title=huge)

    assert len(page) < 1_000_000
    assert "(clipped: 20,000 of 1,000,000 characters)" in page
    assert "440 more node runs left out." in page


def test_a_long_session_shows_its_last_turns_whole_and_lists_the_others() -> None:
    traces = [bare_turn(number) for number in range(1, 200)] + [eventful_turn(200)]

    page = trace_html(traces, title="t")

    assert page.count('<details class="turn"') == FULL_TURNS
    assert page.count('<details class="turn" open>') == 1
    assert "180 earlier turns, without node runs" in page


def test_a_turn_without_its_end_says_so() -> None:
    read = Reader(trace_html([eventful_turn().model_copy(update={"is_complete": False})], title="t"))

    assert "The record of this turn is incomplete." in read.text


def test_a_turn_of_which_only_the_end_is_known_has_no_pictures() -> None:
    page = trace_html([bare_turn()], title="t")

    assert "<svg" not in page
    assert "No suggestion: nothing has been learned, or guidance is off." in page
    assert "No chat model and no tool was called: no tokens, no cost." in page


def test_a_turn_that_ended_early_does_not_claim_that_nothing_was_learned() -> None:
    run = NodeRun(node="input_guard", run=1, start_ms=0, duration_ms=1)
    blocked = eventful_turn().model_copy(
        update={"path": ["input_guard"], "runs": [run], "guidance": Guidance(arm="off")}
    )

    assert "the turn ended before the patterns were asked" in Reader(trace_html([blocked], title="t")).text


def test_what_was_withheld_is_not_shown_as_if_it_had_been_given() -> None:
    withheld = eventful_turn().guidance.model_copy(update={"arm": "holdout"})
    trace = eventful_turn().model_copy(update={"guidance": withheld, "runs": [], "path": []})

    said = Reader(trace_html([trace], title="t")).text

    assert "No suggestion: withheld in this session" in said and "p-3f2a9c1b0d5e7f11" not in said


def test_a_turn_of_a_sample_log_is_called_sample() -> None:
    sample = Reader(trace_html([bare_turn(sample=True, response="")], title="t")).text
    real = Reader(trace_html([bare_turn()], title="t")).text

    assert "Turn 1 sample session Why" in sample
    assert "Only the question and its step are recorded." in sample
    assert "sample" not in real


@pytest.mark.parametrize(
    ("named", "told"), [(True, "followed: the next turn"), (False, "not followed"), (None, "no next turn")]
)
def test_a_page_tells_whether_guidance_was_followed(named: bool | None, told: str) -> None:
    trace = eventful_turn().model_copy(update={"followed": named})

    assert told in Reader(trace_html([trace], title="t")).text


def test_no_turn_makes_a_page_that_says_so() -> None:
    assert "No turn is recorded." in Reader(trace_html([], title="t")).text


def test_a_broken_record_of_sources_shows_those_that_can_be_read() -> None:
    trace = eventful_turn()
    whole = trace.runs[-1].after["draft"]["citations"][0]
    run = NodeRun(
        node="generator",
        run=1,
        start_ms=0,
        duration_ms=1,
        changed={"draft": {"citations": [{"number": 0}, whole, "… 3 more"]}},
    )

    page = trace_html([trace.model_copy(update={"runs": [run]})], title="t")

    assert page.count('<ul class="sources"><li>') == 1


def test_a_notebook_gets_the_whole_sources_of_the_reply() -> None:
    citation = Citation(number=1, passage_id="x", title="From the reply", source="s", quote="q")
    reply = TurnReply(session_id="s", request_id="q", domain="d", turn=1, reply="r", citations=[citation])

    shown = run_html(eventful_turn(), reply)

    assert shown.startswith('<div class="slip">')
    assert "From the reply" in shown and "Leaking seal" not in shown.split("<h2>Likely")[0]
    Reader(shown)


def test_page_and_notebook_bring_their_look_along() -> None:
    assert ".slip .turn {" in trace_html([eventful_turn()], title="t")
    assert ".slip .turn {" in run_html(eventful_turn())
