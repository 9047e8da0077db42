"""From a log to sessions: every format, nothing personal, in order, once."""

import gzip
import json
import random
import tracemalloc
from pathlib import Path

import pytest

from learning.importing import spool as spooling
from learning.importing.reading import Format, NothingImported, read_logs
from learning.importing.session import READ_CHARACTERS
from learning.recorded import read_recorded, recorded_events
from memory.events import dump_event
from memory.records import SessionCompleted, TurnFinished
from memory.redact import user_key
from tests.learning.importing.logs import LOGS, SAMPLES, taken, write

CANARIES = ["AKIAIOSFODNN7EXAMPLE", "ann.smith", "jane.doe", "23456789"]


@pytest.mark.parametrize("kind", SAMPLES)
def test_nothing_personal_and_no_secret_comes_out_of_any_format(kind: Format) -> None:
    log = "".join(file.read_text() for file in SAMPLES[kind])
    found = taken(*SAMPLES[kind])

    stored = b"\n".join(map(dump_event, found.events)).decode() + found.report.model_dump_json()

    assert sum(canary in log for canary in CANARIES) >= 2
    assert [canary for canary in CANARIES if canary in stored] == []


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_format_is_told_by_its_content(kind: Format) -> None:
    assert taken(*SAMPLES[kind]).report.formats == {kind: len(SAMPLES[kind])}


@pytest.mark.parametrize("kind", SAMPLES)
def test_rows_may_come_in_any_order_and_twice(kind: Format, tmp_path: Path) -> None:
    in_order = taken(*SAMPLES[kind]).events
    for number, file in enumerate(SAMPLES[kind]):
        if file.suffix == ".jsonl":
            rows = file.read_text().splitlines() * 2
            random.Random(number).shuffle(rows)
            (tmp_path / f"{9 - number}.jsonl").write_text("\n".join(rows))
        else:
            (tmp_path / f"{9 - number}.json.gz").write_bytes(gzip.compress(file.read_bytes()))

    assert taken(tmp_path).events == in_order


def test_all_formats_may_lie_in_one_folder() -> None:
    found = taken(LOGS)

    assert found.report.formats == {"langfuse": 3, "langsmith": 1, "otel": 1, "sessions": 1}
    assert found.report.sessions == sum(taken(*files).report.sessions for files in SAMPLES.values())


# --- the shared form -------------------------------------------------------------------------------


def test_the_shared_form_gives_the_events_of_a_replay(tmp_path: Path) -> None:
    rows = [
        {"session_id": "a", "user_id": "u", "labels": ["x/y", "z"], "texts": ["hi", ""], "success": True},
        {"session_id": "b", "labels": ["x"], "times": [2.5], "start": 1767600000.123},
    ]
    file = write(tmp_path, *rows)

    events = taken(file).events

    replayed = [e for one in read_recorded(file) for e in recorded_events(one, tenant="acme", domain="pumps")]
    assert events == replayed


def test_turns_without_labels_are_left_to_the_classifier() -> None:
    found = taken(*SAMPLES["sessions"])

    turns = [event for event in found.events if isinstance(event, TurnFinished)]

    assert (found.report.turns, found.report.labels) == (6, 3)
    assert {(turn.intent, turn.label_source) for turn in turns if turn.session_id == "shift-8"} == {
        ("none", "none")
    }
    assert [turn.label_source for turn in turns if turn.session_id == "shift-7"] == ["recorded", "recorded"]


def test_a_session_id_that_names_somebody_becomes_a_digest() -> None:
    ids = [one.session_id for one in taken(*SAMPLES["sessions"]).sessions]

    assert ids[:2] == ["shift-8", "shift-7"]
    assert ids[2].startswith("id-") and len(ids[2]) == 35


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"session_id": "s"}, "labels"),
        ({"session_id": "", "labels": ["a"]}, "session_id"),
        ({"labels": ["a"]}, "session_id"),
        ({"session_id": "s", "labels": ["a", 3]}, "labels.1"),
        ({"session_id": "s", "labels": ["a"], "texts": ["x", "y"]}, "labels"),
        ({"session_id": "s", "labels": [" "], "texts": [None]}, "labels"),
        ({"session_id": "s", "labels": ["a"], "start": 1_767_600_000_000}, "start"),
        ({"session_id": "s", "labels": ["a"], "times": [float("nan")]}, "times.0"),
        ([1, 2], ""),
    ],
)
def test_a_row_that_cannot_be_used_is_named_with_line_field_and_fix(
    tmp_path: Path, row: object, field: str
) -> None:
    file = write(
        tmp_path, {"session_id": "good", "labels": ["a"]}, row, {"session_id": "too", "labels": ["a"]}
    )

    report = taken(file).report

    assert (report.sessions, report.refused) == (2, 1)
    [refusal] = report.refusals
    assert (refusal.where, refusal.field) == (f"{file}:2", field)
    assert refusal.problem and refusal.fix


def test_the_first_refusals_are_named_and_the_rest_are_counted(tmp_path: Path) -> None:
    file = write(
        tmp_path, {"session_id": "good", "labels": ["a"]}, *({"session_id": str(n)} for n in range(900))
    )

    report = taken(file).report

    assert (report.refused, len(report.refusals)) == (900, 5)


def test_a_refusal_gives_no_secret_away(tmp_path: Path) -> None:
    file = write(
        tmp_path, {"session_id": "s", "labels": ["a"]}, {"session_id": "s", "labels": "AKIAIOSFODNN7EXAMPLE"}
    )

    assert "AKIA" not in taken(file).report.model_dump_json()


def test_a_secret_in_a_label_does_not_get_through(tmp_path: Path) -> None:
    events = taken(write(tmp_path, {"session_id": "s", "labels": ["ask/ann.smith@example.com"]})).events

    assert "ann.smith" not in str(events)


def test_a_secret_at_the_edge_of_what_is_kept_is_not_cut_in_half(tmp_path: Path) -> None:
    secret = "AKIAIOSFODNN7EXAMPLE"
    texts = [" ".join(["word"] * 1600)[: 8000 - cut] + f" {secret} more" for cut in (5, 12, 19)]
    texts += ["x" * (READ_CHARACTERS - 9) + f" {secret}"]

    events = taken(write(tmp_path, {"session_id": "s", "texts": texts})).events

    assert "AKIA" not in str(events)


def test_half_a_surrogate_pair_does_not_stop_an_import(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    file.write_text(
        '{"session_id": "s\\ud83d", "labels": ["a\\udc00"], "texts": ["\\ud83d?"], "user_id": "\\ud83d"}\n'
    )

    [session] = taken(file).sessions

    assert session.turns[0].query == "\N{REPLACEMENT CHARACTER}?"
    assert dump_event(taken(file).events[0])


# --- OpenTelemetry -----------------------------------------------------------------------------------


def test_spans_of_a_trace_become_one_turn_of_its_conversation() -> None:
    session = taken(*SAMPLES["otel"]).session("conv-5f2a")

    assert [turn.query for turn in session.turns] == [
        "Which alarms are active?",
        "Oil pressure drops, my key is <AWS_KEY>",
    ]
    assert [turn.response for turn in session.turns] == ["Two alarms are active.", "Check the duplex filter."]
    assert [turn.duration_ms for turn in session.turns] == [9000.0, 8000.0]
    assert (session.outcome, session.user) == ("solved", user_key("acme", "ann.smith@example.com"))
    assert [turn.at.timestamp() for turn in session.turns] == [1767600000, 1767600120]


def test_messages_that_are_events_are_understood() -> None:
    found = taken(*SAMPLES["otel"])

    [turn] = found.session("conv-old").turns
    assert (turn.query, turn.response) == ("How do I reset the trip? I am <EMAIL>", "Press reset.")
    assert turn.label == "status_check/alarms"


def test_a_turn_whose_words_were_not_recorded_is_told() -> None:
    report = taken(*SAMPLES["otel"]).report

    assert report.wordless == 1
    assert report.refusals[0].where.endswith("otel.jsonl:4")
    assert "messages are recorded" in report.refusals[0].fix


def test_messages_may_be_structured_or_numbered_attributes(tmp_path: Path) -> None:
    def attribute(key: str, **value: object) -> dict[str, object]:
        return {"key": key, "value": value}

    def kv(**pairs: str) -> dict[str, object]:
        values = [{"key": key, "value": {"stringValue": value}} for key, value in pairs.items()]
        return {"kvlistValue": {"values": values}}

    structured = attribute("gen_ai.input.messages", arrayValue={"values": [kv(role="user", content="Why?")]})
    numbered = [
        attribute("gen_ai.prompt.0.role", stringValue="system"),
        attribute("gen_ai.prompt.0.content", stringValue="You help."),
        attribute("gen_ai.prompt.1.role", stringValue="user"),
        attribute("gen_ai.prompt.1.content", stringValue="Why?"),
    ]
    spans = [
        {
            "traceId": f"t{n}",
            "spanId": "1",
            "startTimeUnixNano": 1767600000_000000000,
            "attributes": attributes,
        }
        for n, attributes in enumerate([[structured], numbered])
    ]
    file = write(tmp_path, {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})

    assert [one.turns[0].query for one in taken(file).sessions] == ["Why?", "Why?"]


@pytest.mark.parametrize("start", ["soon", -5, 1767600000])
def test_a_time_that_is_none_is_refused(tmp_path: Path, start: object) -> None:
    span = {"traceId": "t", "startTimeUnixNano": start, "attributes": [{"key": "gen_ai.prompt", "value": {}}]}
    file = write(tmp_path, {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})

    with pytest.raises(NothingImported, match="startTimeUnixNano"):
        taken(file)


# --- Langfuse ----------------------------------------------------------------------------------------


def test_langfuse_traces_are_turns_and_keep_their_zone() -> None:
    session = taken(*SAMPLES["langfuse"]).session("chat-91")

    assert [turn.query for turn in session.turns] == [
        "How do I upload a large file?",
        "It fails, key <AWS_KEY>",
    ]
    assert [turn.label for turn in session.turns] == ["how_to/s3", None]
    assert [turn.response for turn in session.turns] == ["Use multipart upload.", "Rotate the key."]
    assert session.turns[0].at.isoformat() == "2026-01-05T10:00:00+01:00"
    assert (session.outcome, session.turns[0].duration_ms) == ("solved", 1250.0)


def test_langfuse_observations_stand_for_traces_that_are_not_exported() -> None:
    session = taken(*SAMPLES["langfuse"]).session("chat-92")

    [turn] = session.turns
    assert (turn.query, turn.response) == ("Why was I billed twice? <EMAIL>", "A retry was charged.")
    assert (turn.label, turn.duration_ms, turn.at.isoformat()) == (
        "billing",
        3000.0,
        "2026-01-07T08:00:00.500000+00:00",
    )
    assert session.outcome == "unsolved"


def test_downloads_of_a_trace_and_of_a_session_are_understood(tmp_path: Path) -> None:
    trace = {"id": "t1", "timestamp": "2026-01-05T10:00:00Z", "sessionId": "c", "input": "Why?"}
    score = {"id": "s", "name": "thumbs", "value": 0, "traceId": "t1", "timestamp": "2026-01-05T10:01:00Z"}
    one = write(tmp_path, {"trace": trace, "observations": [], "scores": [score]}, name="trace.json")
    bare = {key: value for key, value in trace.items() if key != "sessionId"}
    whole = write(
        tmp_path, {"id": "c", "createdAt": "x", "traces": [bare], "scores": [score]}, name="session.json"
    )

    assert taken(one).sessions == taken(whole).sessions
    assert taken(one).session("c").outcome == "unsolved"


# --- LangSmith ---------------------------------------------------------------------------------------


def test_langsmith_root_runs_are_turns_of_their_thread() -> None:
    session = taken(*SAMPLES["langsmith"]).session("th-1")

    assert [turn.query for turn in session.turns] == [
        "How do I upload a large file?",
        "It fails, key <AWS_KEY>",
    ]
    assert [turn.response for turn in session.turns] == ["Use multipart upload.", "Rotate the key."]
    assert [turn.at.isoformat() for turn in session.turns] == [
        "2026-01-05T10:00:00+00:00",
        "2026-01-05T11:05:00+01:00",
    ]
    assert (session.outcome, session.turns[0].label) == ("unsolved", "how_to/s3")


def test_langsmith_feedback_becomes_the_outcome() -> None:
    assert taken(*SAMPLES["langsmith"]).session("th-2").outcome == "solved"


def test_the_project_of_a_run_is_no_session(tmp_path: Path) -> None:
    run = {
        "run_type": "chain",
        "start_time": "2026-01-05T10:00:00",
        "inputs": {"input": "Why?"},
        "session_id": "p",
    }

    found = taken(write(tmp_path, {**run, "id": "r1"}, {**run, "id": "r2"}))

    assert sorted(one.session_id for one in found.sessions) == ["r1", "r2"]


# --- all ---------------------------------------------------------------------------------------------


def test_the_same_log_gives_the_same_events() -> None:
    assert taken(LOGS).events == taken(LOGS).events


def test_a_later_export_with_more_turns_adds_only_those() -> None:
    before, after = taken(SAMPLES["langsmith"][0]), taken(LOGS)

    ids = {event.event_id for event in after.events}
    assert {event.event_id for event in before.events} <= ids


def test_an_outcome_that_comes_later_is_an_event_of_its_own(tmp_path: Path) -> None:
    trace = {"id": "t1", "timestamp": "2026-01-05T10:00:00Z", "sessionId": "c", "input": "Why?"}
    score = {"id": "s", "name": "thumbs", "value": 1, "traceId": "t1"}
    ends = [
        event
        for rows in ([trace], [trace, score])
        for event in taken(write(tmp_path, *rows)).events
        if isinstance(event, SessionCompleted)
    ]

    assert [end.outcome for end in ends] == ["unknown", "solved"]
    assert ends[0].event_id != ends[1].event_id


def test_an_unknown_shape_says_what_was_found_and_what_was_expected(tmp_path: Path) -> None:
    file = write(tmp_path, {"ts": 1, "msg": "hello"})

    with pytest.raises(NothingImported, match="no known format has rows with `ts`, `msg`") as caught:
        taken(file)

    assert all(name in caught.value.fix for name in ("session_id", "resourceSpans", "traceId", "run_type"))


def test_one_unknown_file_does_not_stop_the_others(tmp_path: Path) -> None:
    write(tmp_path, {"ts": 1}, name="a.json")
    write(tmp_path, {"session_id": "s", "labels": ["a"]}, name="b.json")

    report = taken(tmp_path).report

    assert (report.sessions, report.refused) == (1, 1)
    assert report.refusals[0].where == f"{tmp_path / 'a.json'}:1"


def test_a_format_that_is_named_is_not_guessed() -> None:
    with pytest.raises(NothingImported, match="no trace, observation or score"):
        taken(*SAMPLES["sessions"], log_format="langfuse")


def test_sessions_come_by_their_start(tmp_path: Path) -> None:
    starts = random.Random(3).sample(range(1_767_600_000, 1_767_900_000), 200)
    rows = [{"session_id": f"s{n}", "labels": ["a"], "start": start} for n, start in enumerate(starts)]

    found = taken(write(tmp_path, *rows))

    assert [one.turns[0].at.timestamp() for one in found.sessions] == sorted(starts)
    assert (found.report.first, found.report.last) == (min(starts), max(starts))


def test_a_large_log_is_not_held_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooling, "CACHE_KIB", 512)
    file = tmp_path / "log.json"
    with file.open("w") as out:
        for n in range(2000):
            run = {
                "id": f"r{n}",
                "run_type": "chain",
                "inputs": {"input": "Why? ", "passages": "word " * 3000},
            }
            run["extra"] = {"metadata": {"thread_id": f"t{n % 500}"}}
            out.write("[" if n == 0 else ",\n")
            json.dump(run, out)
        out.write("]")

    tracemalloc.start()
    with spooling.open_spool() as spool:
        report = read_logs([file], spool, tenant="acme", on_progress=lambda *_: None)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (report.sessions, report.turns) == (500, 2000)
    assert peak < file.stat().st_size / 2
