"""What the injection detector says of each text of a file; score the predictions with the shared scorer.

python -m benchmarks.injection --data FILE.jsonl[.gz] --out predictions.jsonl

Rows in: id, text, and channel ("user", the default, or "document"). Rows out: id, block, score,
category, ms (CPU).
"""

from typing import Any

from benchmarks.rows import predict
from memory.guard import BLOCK_AT, QUARANTINE_AT, check_input, check_passage


def decide(row: dict[str, Any]) -> dict[str, Any]:
    """Return what the product decides about a row; in a document "block" means that it is quarantined."""
    if row.get("channel") == "document":
        score, limit = check_passage(row["text"]).score, QUARANTINE_AT
    else:
        found = [finding.score for finding in check_input(row["text"]) if finding.rule == "prompt_injection"]
        score, limit = max(found, default=0.0), BLOCK_AT
    return {"block": score >= limit, "score": round(score, 6), "category": "prompt_injection"}


if __name__ == "__main__":
    predict(decide, __doc__ or "")
