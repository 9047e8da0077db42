"""Keeps a training for the next run: a log that has grown a little needs no new one."""

import json
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np

from learning.sessions import Sessions, digest_of
from memory.arrays import Curve, Risk, Tuning
from memory.network import Network

FORMAT = 2
KEPT = 3
"""Trainings that are kept, the newest ones (count)."""


class Chosen(NamedTuple):
    """What was tuned and trained on some sessions."""

    network: Network | None
    labels: list[str]
    """What the outputs of the network stand for."""

    tuning: Tuning
    metrics: dict[str, float]


def read_chosen(cache: Path, sessions: Sessions) -> Chosen | None:
    """Return what was found on the same sessions before; `None` when it is not there or not whole."""
    folder = cache / _name(sessions)
    try:
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        columns = (np.load(folder / f"{name}.npy", allow_pickle=False) for name in Network._fields)
        network = Network(*columns) if about["labels"] else None
        share, curves, risk = about["tuning"]
        tuning = Tuning(share, [Curve(*curve) for curve in curves], Risk(*risk))
        return Chosen(network, about["labels"], tuning, about["metrics"])
    except (OSError, EOFError, ValueError, KeyError, TypeError):
        return None


def write_chosen(cache: Path, sessions: Sessions, chosen: Chosen) -> None:
    """Write it beside and rename it; what is older than the last `KEPT` goes."""
    folder = cache / _name(sessions)
    beside = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    if chosen.network is not None:
        for name, column in chosen.network._asdict().items():
            np.save(beside / f"{name}.npy", column)
    about = {"labels": chosen.labels, "tuning": list(chosen.tuning), "metrics": chosen.metrics}
    (beside / "about.json").write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    beside.rename(folder)
    kept = sorted(cache.glob("chosen-*"), key=lambda one: one.stat().st_mtime_ns)
    for old in kept[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def _name(sessions: Sessions) -> str:
    return f"chosen-{digest_of(sessions, str(FORMAT))[:32]}"
