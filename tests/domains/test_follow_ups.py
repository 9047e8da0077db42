"""Sessions that end in a follow-up are fit to measure on, and sample flows fit to learn from."""

from collections import Counter
from functools import cache

import pytest

from domains.loader import find_domain, load_domain, load_follow_ups, load_passages, load_sample_flows
from domains.model import Domain, FollowUp

DOMAINS = ["solaris", "support"]
ENOUGH = 60
"""Vague follow-ups that a domain needs to measure on."""


@cache
def read(name: str) -> tuple[Domain, list[FollowUp]]:
    domain = load_domain(find_domain(name))
    return domain, load_follow_ups(domain)


@pytest.mark.parametrize("name", DOMAINS)
def test_there_are_enough_vague_follow_ups_and_half_of_each_kind_are_held_out(name: str) -> None:
    _, cases = read(name)
    counts = Counter((case.clarity, case.part) for case in cases)

    assert counts["vague", "tuned"] + counts["vague", "held_out"] >= ENOUGH
    assert abs(counts["vague", "tuned"] - counts["vague", "held_out"]) <= 1
    assert counts["clear", "tuned"] == counts["clear", "held_out"] >= 10


@pytest.mark.parametrize("name", DOMAINS)
def test_every_follow_up_has_a_name_of_its_own_and_sources_that_are_there(name: str) -> None:
    domain, cases = read(name)
    sources = {passage.source for passage in load_passages(domain)}
    missing = [
        (case.id, start)
        for case in cases
        for start in case.sources
        if not any(source.startswith(start) for source in sources)
    ]

    assert missing == []
    assert len({case.id for case in cases}) == len(cases)


@pytest.mark.parametrize("name", DOMAINS)
def test_no_follow_up_was_copied_from_what_is_learned_from(name: str) -> None:
    domain, cases = read(name)
    learned = {ask for flow in load_sample_flows(domain) for step in flow.steps for ask in step.asks}
    learned |= {text for text, _ in domain.examples()}

    assert [case.question for case in cases if case.clarity == "vague" and case.question in learned] == []


@pytest.mark.parametrize("name", DOMAINS)
def test_sample_flows_take_steps_that_the_domain_knows(name: str) -> None:
    domain, _ = read(name)
    flows = load_sample_flows(domain)
    known = {step.label for _, step in domain.examples()}

    assert len({flow.name for flow in flows}) == len(flows) >= 15
    assert {step.step for flow in flows for step in flow.steps} <= known
