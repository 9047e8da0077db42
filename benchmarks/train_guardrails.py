"""Train the linear models behind the rules on topics, and tell by cross-validation how good both are.

python -m benchmarks.train_guardrails              cross-validate, then write memory/topics.json
python -m benchmarks.train_guardrails --dry-run    only cross-validate

The sentences (`guardrails_own.jsonl`: text, stage, label, category) are our own, none from a shared data set;
the shipped domains' example questions and passages count as harmless.
The rules were written with about half of them in view, so that only what the models add is cross-validated.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rows import read_rows
from benchmarks.train_injection import FOLDS, SCALE, SEED, Text, log_odds, shipped, stored, train
from memory import topics
from memory.disguise import read
from memory.guard import output_topics
from memory.topicrules import CREDENTIAL_REQUEST, FUTURE_FEATURE, TopicRule

OWN = Path(__file__).with_name("guardrails_own.jsonl")
RULES = dict.fromkeys((CREDENTIAL_REQUEST, FUTURE_FEATURE), "input") | dict.fromkeys(
    output_topics(()), "output"
)


def prepare(rows: Sequence[dict[str, Any]], rule: TopicRule) -> list[Text]:
    """Return the sentences that a rule is about, with their features."""
    plain = [(read(row["text"]).text, row) for row in rows]
    return [
        Text(topics.words(rule, text), [], 0.0, is_broken(row, rule), row["category"], number)
        for number, (text, row) in enumerate(plain)
        if rule.about.search(text)
    ]


def harmless() -> list[dict[str, Any]]:
    """Return the shipped domains' example questions, and their passages sentence by sentence as answers."""
    found: list[tuple[str, str]] = []
    for row in shipped():
        if row["channel"] == "user":
            found.append(("input", row["text"]))
        else:
            found += [("output", line) for line in topics.sentences(read(row["text"]).text)]
    return [{"text": text, "stage": stage, "label": "allow", "category": "ordinary"} for stage, text in found]


def is_broken(row: dict[str, Any], rule: TopicRule) -> bool:
    """Tell whether a row is labelled as breaking a rule."""
    return bool(row["label"] == "block" and row["category"] == rule.name)


def report(
    rows: Sequence[dict[str, Any]], besides: Sequence[dict[str, Any]], rule: TopicRule
) -> dict[str, Any]:
    """Return recall and false alarms of the model alone, of the rules alone, and of both.

    Every model also learns from the rows `besides`, which are not counted.
    """
    extra = prepare(besides, rule)
    fold = np.random.default_rng(SEED).permutation(len(rows)) % FOLDS
    limit = np.log(topics.SURE_AT / (1 - topics.SURE_AT))
    by_model = np.zeros(len(rows), dtype=bool)
    for number in range(FOLDS):
        learned = [row for row, at in zip(rows, fold, strict=True) if at != number]
        head = train(prepare(learned, rule) + extra, "user")
        for place in np.flatnonzero(fold == number).tolist():
            found = prepare([rows[place]], rule)
            is_spared = rule.spares.search(read(rows[place]["text"]).text) is not None
            by_model[place] = bool(found) and not is_spared and log_odds(head, found[0]) >= limit
    by_rules = np.array([_matches(rule, read(row["text"]).text) for row in rows])
    truth = np.array([is_broken(row, rule) for row in rows])
    return {
        "rule": rule.name,
        "sentences": int(truth.sum()),
        **{
            name: {"recall": _share(found, truth), "false_alarms": _share(found, ~truth)}
            for name, found in (("model", by_model), ("rules", by_rules), ("both", by_model | by_rules))
        },
    }


def model(rows: Sequence[dict[str, Any]], rule: TopicRule) -> dict[str, Any]:
    """Return the numbers of a rule's model."""
    return {**stored(train(prepare(rows, rule), "user")), "signs": {}}


def _matches(rule: TopicRule, text: str) -> bool:
    return bool(rule.finds.search(text)) and not rule.spares.search(text)


def _at(rows: Sequence[dict[str, Any]], stage: str) -> list[dict[str, Any]]:
    return [row for row in rows if row["stage"] == stage]


def _share(found: np.ndarray, among: np.ndarray) -> float:
    return round(float(found[among].mean()), 3)


def main() -> None:
    """Cross-validate, then write the models."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dry-run", action="store_true", help="only cross-validate")
    asked = parser.parse_args()
    rows, besides = read_rows(OWN), harmless()
    by_rule = {rule: (_at(rows, stage), _at(besides, stage)) for rule, stage in RULES.items()}
    for rule, (chosen, more) in by_rule.items():
        print(json.dumps(report(chosen, more, rule)))
    if not asked.dry_run:
        heads = {rule.name: model([*chosen, *more], rule) for rule, (chosen, more) in by_rule.items()}
        numbers = json.dumps({"scale": SCALE, "rules": heads}, separators=(",", ":"))
        topics.FILE.write_text(numbers + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
