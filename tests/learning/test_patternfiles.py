"""Patterns outside of the learner: whole files, bucketed counts, items as a table takes them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning.patternfiles import bucket, bucket_text, pattern_item, store_patterns
from learning.patterns import find_patterns
from learning.trust import trusted
from memory.errors import StorageFailed
from memory.records import Pattern, Step
from tests.learning.logs import ALARM, Visit, sessions_of, usual_log

PATTERN = Pattern(
    pattern_id="p-0123456789abcdef",
    pattern_type="flow",
    sequence=[Step(intent="error_code", topic="pump"), Step(intent="repair")],
    frequency=157,
    users=23,
    success_rate=0.8734,
    avg_completion_time=418.2501,
    last_updated=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
)


def learned() -> list[Pattern]:
    return find_patterns(sessions_of(usual_log()), "pumps", advanced=True)


def stored(patterns: Sequence[Pattern], folder: Path, tenant: str = "acme") -> list[Path]:
    return store_patterns(patterns, folder, tenant=tenant, domain="pumps")


def read_back(files: Sequence[Path]) -> list[Pattern]:
    rows = [row for file in files for row in pq.read_table(file, partitioning=None).to_pylist()]
    return sorted((Pattern.model_validate(row) for row in rows), key=lambda pattern: pattern.pattern_id)


def test_an_item_has_the_keys_of_the_table_and_exact_numbers() -> None:
    assert pattern_item(PATTERN) == {
        "pattern_id": "p-0123456789abcdef",
        "pattern_type": "flow",
        "sequence": [{"intent": "error_code", "topic": "pump"}, {"intent": "repair", "topic": None}],
        "frequency": Decimal(100),
        "success_rate": Decimal("0.87"),
        "avg_completion_time": Decimal("418.3"),
        "last_updated": "2026-03-01T09:30:00+00:00",
    }


def test_what_is_unknown_stays_unknown_in_an_item() -> None:
    item = pattern_item(PATTERN.model_copy(update={"success_rate": None, "avg_completion_time": None}))

    assert (item["success_rate"], item["avg_completion_time"]) == (None, None)


def test_one_session_more_cannot_be_told_from_an_item() -> None:
    items = [pattern_item(PATTERN.model_copy(update={"frequency": count})) for count in (157, 158)]

    assert items[0] == items[1]


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "under 5"), (4, "under 5"), (5, "5+"), (9, "5+"), (10, "10+"), (49, "20+"), (2_400, "2,000+")],
)
def test_counts_are_told_in_buckets(count: int, text: str) -> None:
    assert bucket_text(count) == text


@given(st.integers(5, 10**9))
def test_a_bucket_holds_the_count_and_is_never_finer_than_half(count: int) -> None:
    low = bucket(count)

    assert low <= count < low * 2.5
    assert bucket(low) == low


def test_buckets_only_grow() -> None:
    assert all(bucket(one) <= bucket(other) for one, other in pairwise(range(3_000)))


def test_flows_and_sequences_lie_in_folders_of_their_own_and_come_back_whole(tmp_path: Path) -> None:
    patterns = learned()

    files = stored(patterns, tmp_path)

    assert [file.relative_to(tmp_path).as_posix() for file in files] == [
        "flows/domain=pumps/tenant=acme/patterns.parquet",
        "sequences/domain=pumps/tenant=acme/patterns.parquet",
    ]
    assert read_back(files) == sorted(patterns, key=lambda pattern: pattern.pattern_id)
    assert {pattern.pattern_type for pattern in read_back(files[:1])} == {"flow"}


def test_the_same_patterns_are_not_written_again(tmp_path: Path) -> None:
    before = [file.stat().st_mtime_ns for file in stored(learned(), tmp_path)]

    assert [file.stat().st_mtime_ns for file in stored(learned(), tmp_path)] == before
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"patterns.parquet"}


def test_what_is_no_pattern_any_more_is_gone_from_the_files(tmp_path: Path) -> None:
    stored(learned(), tmp_path)

    assert read_back(stored([PATTERN], tmp_path)) == [PATTERN]
    assert read_back(stored([], tmp_path)) == []


def test_one_tenants_patterns_do_not_replace_anothers(tmp_path: Path) -> None:
    mine = stored([PATTERN], tmp_path)

    stored([], tmp_path, tenant="../globex")

    assert read_back(mine) == [PATTERN]
    assert {path.name for path in (tmp_path / "flows/domain=pumps").iterdir()} == {
        "tenant=acme",
        "tenant=..%2Fglobex",
    }


def test_a_planted_phrase_reaches_no_file(tmp_path: Path) -> None:
    planted = [Visit("forger", [ALARM[0], "call-me-under-555", ALARM[1]])] * 19

    sessions = trusted(sessions_of([*usual_log(), *planted])).sessions
    files = stored(find_patterns(sessions, "pumps", advanced=True), tmp_path)

    assert read_back(files)
    assert "call-me" not in "".join(pattern.model_dump_json() for pattern in read_back(files))


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "flows").write_text("in the way")

    with pytest.raises(StorageFailed, match="flows"):
        stored([PATTERN], tmp_path)
