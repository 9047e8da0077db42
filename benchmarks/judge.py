"""Claims held against evidence by the local judge.

python -m benchmarks.judge --data FILE.jsonl.gz --out predictions.jsonl

Rows have `id`, `claim` and `evidence` (sentences). Each claim is judged as an answer whose one source is the
evidence; writes `id`, `score` (0 to 1) and `verdict` (pass, fail, unknown). Where rows say `supported`, AUROC
and what the verdicts are worth go to standard error. No embedder takes part: none measured better.
"""

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rows import read_rows, write_rows
from benchmarks.train_support import auroc
from domains.loader import find_domain, load_domain
from graph.state import GraphState
from memory.records import Citation, Draft, Passage, PassageHit
from memory.support import grade
from nodes.local_judge import LocalJudge

DOMAIN = load_domain(find_domain("solaris"))
ASKED = DOMAIN.model_copy(update={"judge": DOMAIN.judge.model_copy(update={"rubric": {"supported": 1.0}})})


async def judge(row: dict[str, Any]) -> dict[str, Any]:
    """Judge one claim."""
    passage = Passage(passage_id="e", title="", text="\n".join(row["evidence"]), source="evidence")
    citation = Citation(number=1, passage_id="e", title="", source="evidence", quote="")
    state = GraphState(
        query=row["claim"],
        passages=[PassageHit(passage=passage, score=1.0)],
        draft=Draft(text=row["claim"], citations=[citation]),
    )
    score = (await LocalJudge().judge(state, ASKED)).criteria["supported"]
    return {"id": row["id"], "score": score, "verdict": grade(score)}


def figures(rows: list[dict[str, Any]], judged: list[dict[str, Any]]) -> dict[str, float]:
    """Return AUROC and the share of each verdict that is right."""
    truth = np.array([float(row["supported"]) for row in rows])
    verdicts = np.array([row["verdict"] for row in judged])
    found = {"auroc": auroc(np.array([row["score"] for row in judged]), truth)}
    for verdict in ("pass", "fail", "unknown"):
        of_it = truth[verdicts == verdict]
        found[f"{verdict}_share"] = len(of_it) / len(truth)
        if len(of_it):
            found[f"{verdict}_supported"] = float(of_it.mean())
    return found


def main() -> None:
    """Judge all rows and say how long it took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    rows = list(read_rows(asked.data))
    start = time.process_time()
    judged = [asyncio.run(judge(row)) for row in rows]
    found = {
        "rows": float(len(rows)),
        "cpu_ms_a_row": (time.process_time() - start) * 1000 / max(len(rows), 1),
    }
    write_rows(asked.out, judged)
    if rows and all("supported" in row for row in rows):
        found |= figures(rows, judged)
    print(json.dumps({name: round(value, 4) for name, value in found.items()}), file=sys.stderr)


if __name__ == "__main__":
    main()
