"""Scores and feedback as outcomes."""

import pytest

from learning.importing.scores import outcome_of


@pytest.mark.parametrize(
    ("name", "value", "outcome"),
    [
        ("user-feedback", 1, "solved"),
        ("user_feedback", 0, "unsolved"),
        ("User Feedback", -1, "unsolved"),
        ("feedback", 0.5, None),
        ("rating", 5, "solved"),
        ("rating", 3, None),
        ("rating", 1, "unsolved"),
        ("feedback", 4, "solved"),
        ("resolved", True, "solved"),
        ("resolved", False, "unsolved"),
        ("resolved", "yes", "solved"),
        ("outcome", "Thumbs Down", "unsolved"),
        ("outcome", "handoff", "escalated"),
        ("escalated", 1, "escalated"),
        ("escalated", 0, None),
        ("resolved", "perhaps", None),
        ("resolved", None, None),
        ("toxicity", 0, None),
        ("correctness", 1.0, None),
    ],
)
def test_a_score_tells_how_a_session_ended_or_nothing(name: str, value: object, outcome: str | None) -> None:
    assert outcome_of(name, value) == outcome


def test_scores_of_ones_own_count_when_they_are_named() -> None:
    assert outcome_of("ticket-closed", 1) is None
    assert outcome_of("ticket-closed", 1, also=["Ticket closed"]) == "solved"
