"""What learning did, and what it would do, in words."""

from datetime import UTC, datetime

import pytest
from inline_snapshot import snapshot

from agent.views.learned import SHOWN, learn_text, preview_text
from learning.reports import LearnPreview, LearnReport
from memory.records import Pattern, Release, Step

START = datetime(2026, 3, 1, tzinfo=UTC)
LIVE = Release(
    release_id="r-0",
    tenant="acme",
    domain="pumps",
    created_at=START,
    sessions=390,
    steps=1600,
    patterns=213,
    embedder="none",
    path="r-0",
)
REPORT = LearnReport(
    release_id="r-1", is_new=True, sessions=400, steps=1612, classified=12, users=60, patterns=212
)
PREVIEW = LearnPreview(
    release_id="r-1", live=LIVE, is_new=True, sessions=400, steps=1612, users=60, patterns=212
)


def pattern(*labels: str) -> Pattern:
    return Pattern(
        pattern_id="p-" + "-".join(labels),
        pattern_type="sequence",
        sequence=[Step(intent=label) for label in labels],
        frequency=1234,
        users=41,
        success_rate=0.83,
        last_updated=START,
    )


def test_learning_shows_what_was_found_how_good_it_is_and_how_long_it_took() -> None:
    report = LearnReport(
        release_id="r-1",
        is_new=True,
        sessions=400,
        steps=1612,
        classified=12,
        users=60,
        patterns=212,
        metrics={"hit_rate_at_3": 0.8312, "ece_at_1": 0.021},
        stages_ms={"read": 12.3, "next_step": 3300.0},
    )

    assert learn_text(report) == snapshot("""\
release r-1 (new)
400 sessions · 1,612 steps · 60 users · 212 patterns · 12 steps named by a classifier

measured on held-out sessions   value
─────────────────────────────────────
hit rate at 3                   83.1%
ece at 1                       0.0210

read 12 ms · next step 3.3 s\
""")
    assert "nothing new was written" in learn_text(report.model_copy(update={"is_new": False}))


def test_what_was_left_out_is_told_only_when_there_is_any() -> None:
    lossy = REPORT.model_copy(
        update={
            "machine_sessions": 10_000,
            "capped_sessions": 1,
            "cut_steps": 48_000,
            "future_events": 3,
            "broken_files": ["a.parquet", "b.parquet"],
        }
    )

    assert "left out" not in learn_text(REPORT)
    assert learn_text(lossy).splitlines()[2:4] == snapshot(
        [
            "left out: 10,000 sessions of machines · 1 older session of very busy users",
            "48,000 steps at the ends of endless sessions · 3 events dated in the future",
        ]
    )


def test_too_little_news_is_told_and_the_live_release_named() -> None:
    waits = REPORT.model_copy(update={"is_due": False, "unlearned": 12, "release_id": "r-0"})

    assert learn_text(waits).splitlines()[0] == snapshot(
        "release r-0 (still live; only 12 new intents since, which is too few to learn)"
    )


def test_a_preview_shows_what_would_change() -> None:
    found = PREVIEW.model_copy(
        update={
            "new_patterns": [pattern("alarm", "repair")],
            "gone_patterns": [pattern("order", "price", "delivery")],
            "moved_patterns": 7,
            "unnamed": 12,
            "new_files": 1,
        }
    )

    assert preview_text(found) == snapshot("""\
would learn release r-1 (r-0 is live)
400 sessions (+10) · 1,612 steps (+12) · 60 users · 212 patterns (-1)
first: 1 file to read · 12 steps to name

new patterns                                                             sessions  users  solved
────────────────────────────────────────────────────────────────────────────────────────────────
alarm > repair                                                              1,234     41     83%

gone patterns                                                            sessions  users  solved
────────────────────────────────────────────────────────────────────────────────────────────────
order > price > delivery                                                    1,234     41     83%

7 patterns of both with other figures

nothing was written\
""")


def test_a_preview_before_the_first_release_has_nothing_to_compare_with() -> None:
    assert preview_text(PREVIEW.model_copy(update={"live": None})) == snapshot("""\
would learn release r-1 (nothing is live yet)
400 sessions · 1,612 steps · 60 users · 212 patterns

nothing was written\
""")


@pytest.mark.parametrize(("number", "told"), [(SHOWN, False), (SHOWN + 5, True)])
def test_a_preview_lists_a_few_patterns_and_counts_the_rest(number: int, told: bool) -> None:
    many = [pattern("alarm", f"label-{n}") for n in range(number)]

    shown = preview_text(PREVIEW.model_copy(update={"new_patterns": many}))

    assert shown.count("label-") == SHOWN
    assert ("and 5 more" in shown) == told
