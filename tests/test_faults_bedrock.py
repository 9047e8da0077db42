"""A short form of the benchmark of faults: every turn gets its reply, and from whom it should."""

from benchmarks.faults_bedrock import rows


def test_every_turn_is_answered_whatever_bedrock_does() -> None:
    found = {row.fault: row for row in rows(short=True, seed=1)}

    assert [row.fault for row in found.values() if row.answered != row.turns] == []
    assert all(row.failed_calls for row in found.values())
    assert found["all of these, local skill too"].by.keys() == {"static reply"}
    assert {who for row in found.values() for who in row.by} == {
        "first model",
        "second model",
        "local skill",
        "static reply",
    }
