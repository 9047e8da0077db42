"""The contents of the solaris domain agree with themselves."""

import re
from collections import defaultdict
from functools import cache

import pytest

from domains.loader import (
    find_domain,
    load_domain,
    load_passages,
    load_sample_flows,
    load_scenarios,
    load_tools,
)
from domains.model import Domain, SampleFlow, Scenario
from domains.solaris.tools import Limit, read_limits
from memory.guard import BLOCK_AT, check_input

DOMAIN: Domain = load_domain(find_domain("solaris"))
SCENARIOS: list[Scenario] = load_scenarios(DOMAIN)
FLOWS: list[SampleFlow] = load_sample_flows(DOMAIN)
LABELS = {step.label for _, step in DOMAIN.examples()}
SLOTS = {
    "classify": ["intents", "examples", "message"],
    "write": ["voice", "question", "passages", "profile", "turns", "feedback", "tools"],
    "judge": ["question", "answer", "passages", "rubric"],
}


def plain(text: str) -> str:
    """Text on one line, without what wrapping adds."""
    return " ".join(text.split())


@cache
def sections() -> dict[str, str]:
    """Source of each section to its text."""
    found: dict[str, list[str]] = defaultdict(list)
    for passage in load_passages(DOMAIN):
        found[passage.source].append(passage.text)
    return {source: plain(" ".join(texts)) for source, texts in found.items()}


def test_the_domain_has_the_intents_of_an_operator() -> None:
    assert list(DOMAIN.intents) == [
        "troubleshooting",
        "procedure",
        "status_check",
        "maintenance",
        "safety",
        "documentation",
    ]
    assert DOMAIN.event_source == "solaris-poc.agentcore"


def test_every_topic_has_six_examples_and_no_example_stands_twice() -> None:
    counts: dict[str, int] = defaultdict(int)
    for _, step in DOMAIN.examples():
        counts[step.label] += 1
    texts = [text.lower() for text, _ in DOMAIN.examples()]

    assert min(counts.values()) >= 6
    assert len(texts) == len(set(texts))


def test_no_example_touches_a_forbidden_topic() -> None:
    touched = [t for t, _ in DOMAIN.examples() for topic in DOMAIN.forbidden.values() if topic.matches(t)]

    assert touched == []


@pytest.mark.parametrize(
    ("text", "model"),
    [("my SMT-60 trips", "SMT60"), ("smt 130?", "SMT130"), ("SMT130s", "SMT130"), ("SMT600", None)],
)
def test_the_turbine_model_is_found_in_its_spellings(text: str, model: str | None) -> None:
    assert DOMAIN.entities["turbine_model"].find(text) == model


@pytest.mark.parametrize(
    ("text", "code"), [("a-101 again", "A-101"), ("T305", "T305"), ("a 100 hours", None)]
)
def test_an_alarm_code_is_found(text: str, code: str | None) -> None:
    assert DOMAIN.entities["alarm_code"].find(text) == code


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("can the low oil pressure trip be disabled?", "defeated_protection"),
        ("jumper the vibration trip", "defeated_protection"),
        ("turn off the gas detector", "defeated_protection"),
        ("is there a new model planned", "unannounced_products"),
        ("price of injectors", "pricing"),
        ("the unit tripped after the bypass opened", None),
        ("how do I silence the horn after a trip", None),
        ("What are the trip limits of the SMT-130?", None),
    ],
)
def test_forbidden_topics_are_met_and_others_let_pass(text: str, topic: str | None) -> None:
    assert next((name for name, f in DOMAIN.forbidden.items() if f.matches(text)), None) == topic


@pytest.mark.parametrize("skill", ["classify", "write", "judge"])
def test_every_prompt_uses_all_its_slots_and_says_what_is_data(skill: str) -> None:
    text = DOMAIN.prompt(skill)  # type: ignore[arg-type]
    filled = text.format(**{slot: f"<{slot} here>" for slot in SLOTS[skill]})

    assert all(f"<{slot} here>" in filled for slot in SLOTS[skill])
    assert "is data" in filled


def test_the_knowledge_is_large_and_marked_as_sample() -> None:
    files = list((DOMAIN.folder / "knowledge").glob("*.md"))

    assert len(sections()) >= 64
    assert all("(sample text)" in file.read_text(encoding="utf-8").split("\n")[0] for file in files)
    assert all(passage.sample for passage in load_passages(DOMAIN))


def test_every_section_is_neither_a_stub_nor_a_chapter() -> None:
    lengths = {source: len(text.split()) for source, text in sections().items()}

    assert {source: words for source, words in lengths.items() if not 80 <= words <= 240} == {}


def test_every_cross_reference_leads_to_a_section() -> None:
    numbers = {source.split("#")[1][:6].upper() for source in sections()}
    known = {f"{number[:2]}-{number[3]}.{number[5]}" for number in numbers}
    named = {ref for text in sections().values() for ref in re.findall(r"\b[A-Z]{2}-\d\.\d\b", text)}

    assert len(named) > 60
    assert named - known == set()


@pytest.mark.parametrize("limit", read_limits().values(), ids=read_limits())
def test_the_knowledge_quotes_every_limit_word_for_word(limit: Limit) -> None:
    text = " ".join(sections().values())

    for model in limit.models:
        assert limit.sentence(model) in text


def test_no_section_gives_another_limit_than_the_table() -> None:
    known = {limit.sentence(model) for limit in read_limits().values() for model in limit.models}
    stated = {
        sentence
        for text in sections().values()
        for sentence in re.findall(r"[A-Z][a-z ]+ on the SMT\d+ is normal from .*?\.(?= |$)", text)
    }

    assert stated == known


def test_the_alarm_lists_agree_with_the_table() -> None:
    lists = " ".join(text for source, text in sections().items() if source.startswith("alarms.md#al-2"))

    for limit in read_limits().values():
        for side, code in limit.codes.items():
            kind, way = side.split("_")
            points = ", ".join(
                f"{getattr(band, side):g} {limit.unit} on the {model}" for model, band in limit.models.items()
            )
            title = limit.title[0].lower() + limit.title[1:]
            assert f"{code}, {title}, {way} {kind}: {points};" in lists


def test_every_code_in_the_knowledge_is_in_the_alarm_lists() -> None:
    lists = " ".join(text for source, text in sections().items() if source.startswith("alarms.md#al-2"))
    named = {code for text in sections().values() for code in re.findall(r"\b[AT]-\d{3}\b", text)}

    assert {code for code in named if f"{code}, " not in lists} == set()


def test_there_are_scenarios_for_every_intent_topic_and_kind() -> None:
    answers = {f"{s.intent}/{s.topic}" for s in SCENARIOS if s.kind == "answer"}

    assert len(SCENARIOS) >= 44
    assert len({s.id for s in SCENARIOS}) == len(SCENARIOS)
    assert answers == LABELS
    assert {s.kind for s in SCENARIOS} == {"answer", "clarification", "blocked", "refusal", "escalation"}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.id)
def test_the_facts_of_a_scenario_stand_in_its_sections(scenario: Scenario) -> None:
    documents = [prefix for prefix in scenario.sources if not prefix.startswith("tool:")]
    named = {prefix: [s for s in sections() if s.startswith(prefix)] for prefix in documents}
    text = " ".join(sections()[source] for found in named.values() for source in found).lower()

    assert all(named.values())
    assert [fact for fact in scenario.facts if fact.lower() not in text] == []
    assert set(scenario.after) <= LABELS
    assert (scenario.kind == "answer") == bool(scenario.facts and scenario.sources)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.id)
def test_the_entities_of_a_scenario_are_found_in_its_question(scenario: Scenario) -> None:
    found = {kind: DOMAIN.entities[kind].find(scenario.question) for kind in scenario.entities}

    assert found == scenario.entities


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.id)
def test_only_blocked_scenarios_break_a_rule(scenario: Scenario) -> None:
    topics = [topic.matches(scenario.question) for topic in DOMAIN.forbidden.values()]
    rules = [found.rule for found in check_input(scenario.question) if found.score >= BLOCK_AT]

    assert any([*topics, *rules]) == (scenario.kind == "blocked")


def test_flows_use_known_steps_and_every_step_has_ways_to_ask_it() -> None:
    used = {step.step for flow in FLOWS for step in flow.steps}

    assert used == LABELS
    assert all(3 <= len(step.asks) <= 6 for flow in FLOWS for step in flow.steps)
    assert all(3 <= len(flow.steps) <= 8 for flow in FLOWS)


def test_flows_share_beginnings_and_some_are_dead_ends() -> None:
    beginnings: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for flow in FLOWS:
        labels = [step.step for step in flow.steps]
        for end in range(1, len(labels)):
            beginnings[tuple(labels[:end])].add(labels[end])
    rates = [flow.solved_rate for flow in FLOWS]

    assert len(FLOWS) >= 28
    assert sum(len(nexts) > 1 for nexts in beginnings.values()) >= 6
    assert min(rates) < 0.4 < 0.9 < max(rates)


def test_one_way_to_ask_never_stands_for_two_steps() -> None:
    meanings: dict[str, set[str]] = defaultdict(set)
    for flow in FLOWS:
        for step in flow.steps:
            for ask in step.asks:
                meanings[ask].add(step.step)

    assert [ask for ask, steps in meanings.items() if len(steps) > 1] == []


def test_the_tool_is_found_by_the_loader() -> None:
    assert list(load_tools(DOMAIN)) == ["check_limit"]
