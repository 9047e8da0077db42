"""The table of `python -m tests.conformance`: every test of an adapter counts for it."""

import pytest

from tests.conformance.__main__ import BESIDE, SESSIONS, Row, row_of

SUITE = "tests/conformance/test_pattern_index.py::test_k"


@pytest.mark.parametrize(
    ("nodeid", "services", "row"),
    [
        (f"{SUITE}[arrays]", (), Row("pattern index", "arrays", "embedded")),
        (f"{SUITE}[opensearch-3]", ("opensearch",), Row("pattern index", "opensearch", "opensearch")),
        (
            f"{SUITE}[3-opensearch-serverless]",
            ("opensearch",),
            Row("pattern index", "opensearch-serverless", "opensearch"),
        ),
        (f"{SUITE}[searching]", (), None),
        (
            "tests/agent/test_session_memory.py::test_x[valkey]",
            ("redis",),
            Row("session memory", "valkey", "redis"),
        ),
    ],
)
def test_a_test_counts_for_its_adapter(nodeid: str, services: tuple[str, ...], row: Row | None) -> None:
    assert row_of(nodeid, services) == row


def test_the_files_beside_the_suites_are_there(pytestconfig: pytest.Config) -> None:
    assert [file for file in (*BESIDE, SESSIONS) if not (pytestconfig.rootpath / file).is_file()] == []
