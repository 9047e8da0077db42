"""Logs of recorded sessions: read row by row, refused with file and line, replayed as events."""

import gzip
import json
from dataclasses import fields
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domains.loader import find_domain, load_domain, load_sample_flows
from domains.model import SampleFlow
from learning import recorded
from learning.arranging import arrange
from learning.next_step import fit
from learning.recorded import (
    EPOCH,
    STEP_S,
    RecordedLogBroken,
    RecordedSession,
    read_recorded,
    recorded_events,
    recorded_sessions,
    sample_sessions,
)
from learning.sessions import Sessions
from memory.records import SessionCompleted, TurnFinished
from memory.redact import user_key
from tests.learning.logs import Visit, gathered, sessions_of

GOOD = {"session_id": "s-1", "labels": ["alarm/pressure", "repair"], "texts": ["It rises.", "How?"]}
START = datetime(2026, 1, 5, tzinfo=UTC)


def log(folder: Path, *rows: object, name: str = "log.jsonl") -> Path:
    file = folder / name
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    body = b"\n".join(lines)
    file.write_bytes(gzip.compress(body) if name.endswith(".gz") else body)
    return file


def refusal(file: Path) -> str:
    with pytest.raises(RecordedLogBroken) as caught:
        list(read_recorded(file))
    assert caught.value.fix
    return str(caught.value)


@pytest.fixture(scope="module")
def flows() -> list[SampleFlow]:
    return load_sample_flows(load_domain(find_domain("solaris")))


@pytest.mark.parametrize("name", ["log.jsonl", "log.jsonl.gz"])
def test_rows_come_in_order_packed_or_not(tmp_path: Path, name: str) -> None:
    file = log(tmp_path, GOOD, b"", {"session_id": "電気", "labels": ["bye"], "unknown": 1}, name=name)

    first, second = read_recorded(file)

    assert (first.labels, first.texts, first.success) == (GOOD["labels"], GOOD["texts"], None)
    assert (second.session_id, second.labels, second.times) == ("電気", ["bye"], None)


def test_rows_are_read_only_as_far_as_asked(tmp_path: Path) -> None:
    file = log(tmp_path, GOOD, b"{broken")

    assert [session.session_id for session in islice(read_recorded(file), 1)] == ["s-1"]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (b'{"session_id": "s-2", "labels": ["a"', "Invalid JSON"),
        (b'{"session_id": "\xff\xfe", "labels": ["a"]}', "Invalid JSON"),
        (b"[1, 2]", "should be an object"),
        (b"\x00", "Invalid JSON"),
        ({"labels": ["a"]}, "`session_id`"),
        ({"session_id": "", "labels": ["a"]}, "`session_id`"),
        ({"session_id": "s", "labels": []}, "`labels`"),
        ({"session_id": "s", "labels": ["a", 3]}, "`labels.1`"),
        ({"session_id": "s", "labels": ["a", "  "]}, "an empty label"),
        ({"session_id": "s", "labels": ["a", "b"], "texts": ["only one"]}, "1 `texts` for 2 labels"),
        ({"session_id": "s", "labels": ["a"], "times": [0.0, 1.0]}, "2 `times` for 1 labels"),
        ({"session_id": "s", "labels": ["a"], "start": 1_767_600_000_000}, "`start`"),
        ({"session_id": "s", "labels": ["a"], "start": float("nan")}, "`start`"),
        ({"session_id": "s", "labels": ["a"], "times": [float("inf")]}, "`times.0`"),
        ({"session_id": "s", "labels": ["a"], "times": [1e300]}, "`times.0`"),
    ],
)
def test_a_bad_row_is_named_with_its_line_and_problem(tmp_path: Path, row: object, problem: str) -> None:
    file = log(tmp_path, GOOD, b"", row, GOOD)

    found = refusal(file)

    assert found.startswith(f"{file}:3: ")
    assert problem in found


@pytest.mark.parametrize("body", [b"", b"\n\n  \n"])
def test_a_log_without_sessions_is_empty(tmp_path: Path, body: bytes) -> None:
    file = log(tmp_path, body)

    assert refusal(file) == f"{file}: it is empty."


def test_a_damaged_archive_is_no_whole_gzip_file(tmp_path: Path) -> None:
    rows = [{**GOOD, "session_id": f"s-{n}"} for n in range(200)]
    whole = log(tmp_path, *rows, name="whole.gz").read_bytes()
    damaged = bytes([*whole[:60], *(255 - byte for byte in whole[60:80]), *whole[80:]])

    for number, body in enumerate([b'{"session_id"', whole[:-9], whole[: len(whole) // 2], damaged]):
        file = tmp_path / f"{number}.gz"
        file.write_bytes(body)
        assert refusal(file) == f"{file}: it is no whole gzip file."


def test_a_row_that_is_too_long_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded, "ROW_BYTES", 120)
    fits = json.dumps({"session_id": "s", "labels": ["a"], "note": ""})
    fits = fits.replace('"note": ""', f'"note": "{"x" * (120 - 1 - len(fits))}"')

    assert len(list(read_recorded(log(tmp_path, f"{fits}\n".encode())))) == 1
    assert ":2: the row has more than 120 bytes" in refusal(log(tmp_path, GOOD, b"x" * 121))


@pytest.mark.parametrize("name", [".", "absent.jsonl"])
def test_what_cannot_be_opened_is_named(tmp_path: Path, name: str) -> None:
    assert str(tmp_path / name) in refusal(tmp_path / name)


# --- events --------------------------------------------------------------------------------------


def test_a_session_leaves_one_turn_a_step_and_its_completion() -> None:
    session = RecordedSession(
        session_id="s-1", labels=["alarm/pressure", "repair"], times=[0, 90], start=1e9, success=True
    )

    first, second, end = recorded_events(session, tenant="acme", domain="pumps", sample=True)

    assert isinstance(first, TurnFinished) and isinstance(second, TurnFinished)
    assert isinstance(end, SessionCompleted)
    assert [(t.turn, t.intent, t.topic) for t in (first, second)] == [
        (1, "alarm", "pressure"),
        (2, "repair", None),
    ]
    assert {t.label_source for t in (first, second)} == {"recorded"}
    assert (first.at.timestamp(), second.at.timestamp(), end.at.timestamp()) == (1e9, 1e9 + 90, 1e9 + 90)
    assert (end.outcome, end.reason, end.turns, end.sample) == ("solved", "recorded", 2, True)
    assert len({first.event_id, second.event_id, end.event_id}) == 3


def test_a_session_without_times_gets_fixed_ones() -> None:
    first, second, _ = recorded_events(
        RecordedSession(session_id="s", labels=["a", "b"]), tenant="acme", domain="pumps"
    )

    assert first.at == EPOCH
    assert (second.at - first.at).total_seconds() == STEP_S


@pytest.mark.parametrize(("success", "outcome"), [(True, "solved"), (False, "unsolved"), (None, "unknown")])
def test_success_becomes_the_outcome(success: bool | None, outcome: str) -> None:
    session = RecordedSession(session_id="s", labels=["a"], success=success)

    end = recorded_events(session, tenant="acme", domain="pumps")[-1]

    assert isinstance(end, SessionCompleted) and end.outcome == outcome


def test_users_and_secrets_leave_no_trace_in_events() -> None:
    session = RecordedSession(
        session_id="s",
        user_id="ann.smith@example.com",
        labels=["a"],
        texts=["My key is AKIAIOSFODNN7EXAMPLE, write to ann.smith@example.com"],
    )

    events = recorded_events(session, tenant="acme", domain="pumps")

    assert "AKIAIOSFODNN7EXAMPLE" not in str(events)
    assert "ann.smith" not in str(events)


def test_a_user_is_the_same_in_all_sessions_of_a_tenant_only() -> None:
    def user(session: str, tenant: str) -> str:
        one = RecordedSession(session_id=session, user_id="ann", labels=["a"])
        return recorded_events(one, tenant=tenant, domain="pumps")[0].user

    assert user("s-1", "acme") == user("s-2", "acme") != user("s-1", "globex")


@given(
    labels=st.lists(st.text(min_size=1, max_size=9).filter(str.strip), min_size=1, max_size=9),
    start=st.none() | st.floats(0, 1e11),
    offset=st.floats(-1e10, 1e10),
)
def test_any_row_that_is_read_can_be_replayed_twice(
    labels: list[str], start: float | None, offset: float
) -> None:
    session = RecordedSession(session_id="s", labels=labels, start=start, times=[offset] * len(labels))

    events = recorded_events(session, tenant="acme", domain="pumps")

    assert events == recorded_events(session, tenant="acme", domain="pumps")
    assert [f"{e.intent}/{e.topic}" if e.topic else e.intent for e in events[:-1]] == labels  # type: ignore[union-attr]


# --- columns -------------------------------------------------------------------------------------


def test_columns_of_recorded_sessions_are_those_of_their_events() -> None:
    rows = [
        RecordedSession(session_id="a", labels=["repair/pump", "alarm"], texts=["Mend it", ""], success=True),
        RecordedSession(session_id="b", user_id="ann", labels=["alarm"], times=[5], start=1e9),
        RecordedSession(session_id="c", user_id="ann", labels=["bye"], success=False),
    ]
    events = [event for row in rows for event in recorded_events(row, tenant="acme", domain="pumps")]

    straight = recorded_sessions(rows, tenant="acme")

    by_events = arrange(gathered(events), now=2e9).sessions
    for column in fields(Sessions):
        one, other = getattr(straight, column.name), getattr(by_events, column.name)
        assert np.array_equal(one, other), column.name


# --- sample sessions -------------------------------------------------------------------------------


def drawn(flows: list[SampleFlow], *, seed: int, count: int = 200) -> list[RecordedSession]:
    return list(sample_sessions(flows, count=count, users=30, seed=seed, start=START))


def test_a_seed_always_draws_the_same_sessions(flows: list[SampleFlow]) -> None:
    assert drawn(flows, seed=7) == drawn(flows, seed=7)
    assert not {one.session_id for one in drawn(flows, seed=7)} & {
        one.session_id for one in drawn(flows, seed=8)
    }


def test_sample_sessions_are_like_real_ones(flows: list[SampleFlow]) -> None:
    sessions = drawn(flows, seed=7)
    known = {step.step for flow in flows for step in flow.steps}

    assert {label for one in sessions for label in one.labels} <= known
    assert all(one.texts and one.times and one.times == sorted(one.times) for one in sessions)
    assert [one.start for one in sessions] == sorted(one.start or 0 for one in sessions)
    assert {one.success for one in sessions} == {True, False}
    assert len({one.user_id for one in sessions}) == 30
    assert len({tuple(one.labels) for one in sessions}) > len(flows)


def test_sample_sessions_can_be_learned_from(flows: list[SampleFlow]) -> None:
    log = drawn(flows, seed=7, count=400)
    visits = [Visit(user_key("acme", str(one.user_id)), one.labels, solved=one.success) for one in log]

    metrics = fit(sessions_of(visits), "solaris").metrics

    assert metrics["hit_rate_at_3"] > 0.6
