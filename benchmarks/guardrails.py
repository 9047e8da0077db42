"""What the guards of messages and answers say of each text of a file; score it with the shared scorer.

python -m benchmarks.guardrails --data FILE.jsonl[.gz] --out predictions.jsonl

Rows in: id, text, stage ("input" or "output"). Rows out: id, block, score, category (the first rule), ms.
"""

from typing import Any

from benchmarks.rows import predict
from memory.guard import BLOCK_AT, check_input, check_output
from memory.redact import redact


def decide(row: dict[str, Any]) -> dict[str, Any]:
    """Return the first rule that the text breaks, and how sure the guard is."""
    is_output = row.get("stage") == "output"
    found = check_output(row["text"], redact) if is_output else check_input(row["text"])
    sure = [finding for finding in found if finding.score >= BLOCK_AT]
    score = max((finding.score for finding in found), default=0.0)
    return {"block": bool(sure), "score": round(score, 6), "category": sure[0].rule if sure else None}


if __name__ == "__main__":
    predict(decide, __doc__ or "")
