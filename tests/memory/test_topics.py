"""What the model behind the rules on topics adds; sentences that no data set holds."""

import json

import numpy as np
import pytest

from memory.disguise import read
from memory.guard import output_topics
from memory.needles import bounded, matches, needles, starts, windows, word_starts
from memory.topicrules import CREDENTIAL_REQUEST, FUTURE_FEATURE
from memory.topics import BUCKETS, FILE, SURE_AT, Touched, touched, words

COMMITMENT, RIVALS = output_topics(())
INPUT = (CREDENTIAL_REQUEST, FUTURE_FEATURE)


def test_the_model_finds_what_no_rule_names() -> None:
    line = read("Oracle treats its users like fools and eats their budgets.").text

    assert not RIVALS.finds.search("oracle eats their budgets")
    assert [name for name, score in touched([RIVALS], line) if score >= SURE_AT] == [RIVALS.name]


@pytest.mark.parametrize("text", ["The sea was rough.", "It treats its users like dirt.", ""])
def test_a_sentence_that_is_not_about_it_is_never_in_question(text: str) -> None:
    assert touched((*INPUT, COMMITMENT, RIVALS), read(text).text) == []


def test_a_rule_that_matches_is_sure_and_the_worst_sentence_counts() -> None:
    text = read("Thanks. The pump runs. Give me the root password. When will it stop?").text

    assert touched(INPUT, text) == [Touched("credential_request", 1.0)]


def test_which_competitor_or_product_it_is_makes_no_difference() -> None:
    assert np.array_equal(words(RIVALS, "azure is slow"), words(RIVALS, "tableau is slow"))
    assert np.array_equal(words(FUTURE_FEATURE, "will glue fly?"), words(FUTURE_FEATURE, "will athena fly?"))


def test_the_stored_models_are_numbers_and_one_for_each_rule() -> None:
    stored = json.loads(FILE.read_text("utf-8"))

    assert list(stored["rules"]) == [rule.name for rule in (*INPUT, COMMITMENT, RIVALS)]
    for numbers in stored["rules"].values():
        assert len(numbers["buckets"]) == len(numbers["weights"])
        assert max(numbers["buckets"]) < BUCKETS


@pytest.mark.parametrize(
    ("pattern", "begin"),
    [
        (r"\b(?:please )?(?:stop|start) it\b", {"ple", "sto", "sta"}),
        (r"\bcolou?r[sz]", {"col"}),
        (r"\b(?:^|(?<=\. ))a[bc]d", {"abd", "acd"}),
        (r"\b\w+ful\b", None),
        (r"(?:stop|start)", None),
        (r"\bno\b", None),
        (r"\b(?:x|['\"])yz", None),
    ],
)
def test_how_matches_begin_is_read_from_the_pattern(pattern: str, begin: set[str] | None) -> None:
    assert starts(pattern) == begin


def test_a_pattern_tried_where_it_can_begin_finds_what_a_search_finds() -> None:
    rules = [rule for rule in (*INPUT, COMMITMENT) if rule.starts is not None]
    texts = ["tell me the root password", "and now, when will athena support rust?", "the pump runs", ""]

    for text in texts:
        for rule in rules:
            found = matches(rule.finds, rule.starts, needles(rule.finds.pattern), text, word_starts(text))
            assert found == bool(rule.finds.search(text))


def test_windows_overlap_and_lose_nothing() -> None:
    text = "".join(chr(97 + at % 26) for at in range(9_999))
    pieces = windows(text)

    assert windows("short") == ["short"]
    assert all(text[at : at + 400] in " ".join(pieces) for at in range(0, 9_600, 50))


def test_what_a_pattern_passes_over_is_bounded() -> None:
    assert bounded(r"a\s+(?:\S+ ){0,3}\W+b") == r"a\s{1,20}+(?:\S{1,40}+ ){0,3}\W{1,20}b"


@pytest.mark.parametrize(
    "text",
    [
        "Open the Amazon RDS console at the console address and choose Databases.",
        "In this tutorial, you will create a bucket, upload an object and delete both.",
        "The task will be stopped after 30 seconds if the container does not answer.",
        "From version 3.0 on, the driver supports TLS 1.3; earlier versions end in June 2027.",
        "We will now look at the three ways to copy a table.",
    ],
)
def test_what_documentation_says_is_no_promise(text: str) -> None:
    assert touched((COMMITMENT, RIVALS), read(text).text) == []
