"""What an import says in the end, and the picture of calibration."""

from inline_snapshot import snapshot

from agent.views.imports import import_text
from agent.views.reliabilitypicture import reliability_picture
from learning.importing.report import ImportReport, Refusal
from learning.reliability import promises

REPORT = ImportReport(
    files=2,
    formats={"otel": 1, "sessions": 1},
    rows=1204,
    sessions=1000,
    turns=5210,
    users=87,
    outcomes=640,
    labels=5000,
    repeated=1,
    refused=3,
    refusals=[Refusal(where="log.jsonl:7", field="labels", problem="0 labels", fix="Give one.")],
    first=1767600000,
    last=1767900000,
)


def test_the_summary_names_what_was_found_left_out_and_is_still_to_do() -> None:
    assert import_text(REPORT, "pumps", dry_run=False) == snapshot("""\
1,000 sessions, 5,210 turns imported into pumps
87 users · 640 outcomes known · 5,000 labels found · 2026-01-05 to 2026-01-08
1,204 rows · 1 file of otel · 1 file of sessions
210 turns will be named by `slipstream learn`

left out: 3 rows refused · 1 session there before
  log.jsonl:7: `labels`: 0 labels
    fix: Give one.\
""")


def test_sessions_of_one_turn_are_questioned() -> None:
    told = import_text(REPORT.model_copy(update={"turns": 1000, "labels": 1000}), "pumps", dry_run=True)

    assert "would be imported" in told and "nothing follows anything" in told


def test_the_picture_of_calibration_says_its_figures_to_those_who_cannot_see_it() -> None:
    picture = reliability_picture(promises([0.25] * 40, [True] * 10 + [False] * 30))

    assert "40 suggestions, off by 0.000 on average" in picture
    assert "25% came true 25%" in picture
    assert picture.count("<circle") == 1 and "<script" not in picture


def test_no_suggestions_make_an_empty_picture() -> None:
    assert "0 suggestions" in reliability_picture([])
