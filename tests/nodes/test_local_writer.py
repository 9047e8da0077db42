"""The extractive writer: every word it gives stands in its sources."""

from typing import Any

import pytest

from memory.records import Draft, Guidance, Suggestion, Verdict
from nodes.local_judge import CITATION
from nodes.local_writer import WORDS, LocalWriter
from tests.nodes.parts import HITS, SEAL, hit
from tests.turns import DOMAIN, state
from tools.catalog import ToolResult

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def write(query: str, **fields: Any) -> Draft:
    given = {"passages": HITS, **fields}
    return await LocalWriter().write(state(query=query, **given), DOMAIN)


async def test_every_line_is_quoted_from_the_passage_it_cites() -> None:
    draft = await write("How do I change the seal of a pump with drops below it?")
    texts = {hit.passage.passage_id: hit.passage.text for hit in HITS}
    cited = {citation.number: texts[citation.passage_id] for citation in draft.citations}

    lines = [line for line in draft.text.splitlines() if line]
    assert lines
    for line in lines:
        numbers = {int(number) for number in CITATION.findall(line)}
        quotes = [part.strip() for part in CITATION.split(line)[::2] if part.strip()]
        assert numbers <= cited.keys()
        assert all(any(quote in cited[number] for number in numbers) for quote in quotes)


async def test_the_steps_of_a_list_stay_together_with_the_line_before_them() -> None:
    draft = await write("How to pull the seal with tool T-4?")

    assert (
        "To change the seal: [{0}]\n1. Close the valves. [{0}]\n2. Drain the pump. [{0}]\n"
        "3. Pull the seal with tool T-4. [{0}]"
    ).format(next(c.number for c in draft.citations if c.passage_id == "seal-2")) in draft.text


async def test_citations_are_numbered_as_they_come_and_carry_the_source() -> None:
    draft = await write("What do drops below the pump mean, and how to change the seal with tool T-4?")

    assert [citation.number for citation in draft.citations] == list(range(1, len(draft.citations) + 1))
    assert {citation.source for citation in draft.citations} <= {hit.passage.source for hit in HITS}


@pytest.mark.parametrize("query", ["", "Which galaxies merged before Andromeda formed?", "the of and"])
async def test_what_the_passages_do_not_hold_is_said_to_be_missing(query: str) -> None:
    draft = await write(query)

    assert (draft.text, draft.abstained, draft.citations) == ("I found nothing about this.", True, [])


async def test_without_passages_it_abstains() -> None:
    assert (await write("How to change the seal?", passages=None)).abstained


async def test_a_tool_result_comes_first_and_is_cited_as_such() -> None:
    result = ToolResult(tool="gauge", arguments={}, text="The seal is at 3.5 bar.")
    draft = await write("How to change the seal?", tool_results=[result])

    assert draft.text.startswith("The seal is at 3.5 bar. [1]\n\n")
    assert draft.citations[0].passage_id == "tool:gauge"


async def test_a_tool_result_alone_is_an_answer() -> None:
    result = ToolResult(tool="gauge", arguments={}, text="It is at 3.5 bar.")
    draft = await write("What does the gauge say?", passages=[], tool_results=[result])

    assert (draft.text, draft.abstained) == ("It is at 3.5 bar. [1]", False)


async def test_a_failed_tool_is_not_quoted() -> None:
    failed = ToolResult(tool="gauge", arguments={}, text="", error="off")
    draft = await write("How to change the seal?", tool_results=[failed])

    assert "tool:gauge" not in {citation.passage_id for citation in draft.citations}


async def test_a_thing_that_was_named_counts_as_asked_for() -> None:
    other = hit("The P9 seal leaks at once.", passage_id="p9", score=0.9)
    this = hit("The P1 seal leaks slowly.", passage_id="p1", score=0.9)
    named = SEAL.model_copy(update={"entities": {"model": "P1"}})
    draft = await write("How does its seal leak?", passages=[other, this], analysis=named)

    assert "p1" in {citation.passage_id for citation in draft.citations}
    assert draft.text.index("slowly") < draft.text.find("at once") or "at once" not in draft.text


async def test_what_the_judge_missed_is_covered_by_the_next_draft() -> None:
    passages = [
        hit("The seal leaks when it is worn.", passage_id="a", score=0.9),
        hit("Grease the bearing yearly.", passage_id="b", score=0.2),
    ]
    query = "Why does the seal leak, and the bearing?"
    first = await write(query, passages=passages)
    missed = Verdict(decision="revise", score=0.4, feedback=["Cover: bearing"])
    second = await write(query, passages=passages, verdict=missed)

    assert "Grease" not in first.text
    assert "Grease" in second.text


async def test_an_answer_is_not_longer_than_a_reader_wants() -> None:
    sentence = "The seal of pump number {} leaks when the shaft {} turns too fast for it."
    text = " ".join(sentence.format(n, f"kind{n}") for n in range(60))
    draft = await write("When does the seal of the pump leak?", passages=[hit(text)])

    assert len(CITATION.sub("", draft.text).split()) <= WORDS


async def test_sample_text_is_marked_in_its_citation() -> None:
    sample = hit("The seal leaks when it is worn.")
    sample = sample.model_copy(update={"passage": sample.passage.model_copy(update={"sample": True})})
    draft = await write("When does the seal leak?", passages=[sample])

    assert [citation.sample for citation in draft.citations] == [True]


async def test_a_passage_with_a_fitting_title_and_no_text_breaks_nothing() -> None:
    assert (await write("Leaking seal?", passages=[hit(" ", title="Leaking seal")])).abstained


async def test_a_follow_up_that_names_nothing_is_answered_by_what_was_searched_in_its_place() -> None:
    step = Suggestion(label="procedure/seal", confidence=0.8, pattern_id="p-1", support=9)
    searched = {"search_query": "and then? How do I change the seal of the pump?"}

    alone = await write("and then?", **searched)
    led = await write("and then?", **searched, guidance=Guidance(arm="guided", led_by=step))

    assert alone.abstained
    assert "change the seal. [1]" in led.text
