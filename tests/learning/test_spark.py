"""Spark finds what the local run finds, to the last bit."""

import shutil
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from learning import mining
from learning.figures import Kind
from learning.mining import Mined
from learning.spark import mine, open_spark, split
from tests.learning.mined import drawn_log


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    pytest.importorskip("pyspark", reason="the extra `spark` is not installed")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java, and there is no `java` here")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        patch.setenv("PYTHONPATH", ":".join(sys.path))
        session = open_spark("local[2]")
        session.sparkContext.setLogLevel("ERROR")
        yield session
        session.stop()


def bits(found: Mined) -> list[bytes]:
    return [column.tobytes() for column in found]


@pytest.mark.parametrize("kind", ["contiguous", "gapped"])
def test_spark_and_the_local_run_agree_to_the_last_bit(spark: Any, kind: Kind) -> None:
    log = drawn_log(3_000, seed=5)
    local = getattr(mining, kind)(log, longest=4, min_sessions=20, min_users=5)

    found = mine(spark, kind, log, longest=4, min_sessions=20, min_users=5, parts=3)

    assert bits(found) == bits(local)
    assert len(local.sessions) > 100


def test_spark_finds_nothing_in_no_sessions(spark: Any) -> None:
    found = mine(spark, "gapped", drawn_log(0, seed=5), longest=4, min_sessions=1)

    assert len(found.sessions) == 0


def test_all_sessions_of_a_user_lie_in_one_part() -> None:
    log = drawn_log(500, seed=1)

    parts = split(log, 4)

    people = [set(part.users.tolist()) for part in parts]
    assert len(parts) == 4
    assert sum(len(users) for users in people) == len(set.union(*people)) == len(np.unique(log.users))
    assert sum(len(part.steps) for part in parts) == len(log.steps)
