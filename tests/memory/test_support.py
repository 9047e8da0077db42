"""The screen for claims: more of the claim in the evidence is a higher score."""

from memory.support import FEATURES, features, grade, support

EVIDENCE = [
    "The plant in Hamburg has four gas turbines.",
    "Each gives 45 MW and was built by Solaris in 2011.",
    "A fifth turbine is planned.",
]


def test_each_figure_name_or_word_that_the_evidence_lacks_lowers_the_score() -> None:
    same = support("In Hamburg four gas turbines give 45 MW each.", EVIDENCE)

    assert same > support("In Hamburg four gas turbines give 52 MW each.", EVIDENCE)
    assert same > support("In Bremen four gas turbines give 45 MW each.", EVIDENCE)
    assert same > support(
        "In Hamburg four gas turbines give 45 MW each to the harbour's cold stores.", EVIDENCE
    )


def test_features_are_named_and_bounded() -> None:
    found = dict(zip(FEATURES, features("The plant in Bremen has 7 turbines.", EVIDENCE), strict=True))

    assert found["numbers_held"] == 0 and found["numbers_lacking"] == 1
    assert found["names_held"] == 0 and found["names_lacking"] == 1
    assert 0 < found["words_held_nearby"] <= found["words_held"] < 1


def test_without_words_or_evidence_there_is_a_score_all_the_same() -> None:
    assert 0 < support("", EVIDENCE) < 1
    assert 0 < support("Four turbines.", []) < support("Four turbines.", EVIDENCE)


def test_a_middling_score_is_neither_pass_nor_fail() -> None:
    assert [grade(score) for score in (0.99, 0.5, 0.01)] == ["pass", "unknown", "fail"]
