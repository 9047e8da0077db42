"""Train the linear model of the injection detector, and tell by cross-validation how good it is.

python -m benchmarks.train_injection --data DIR              cross-validate, then write memory/injection.json
python -m benchmarks.train_injection --data DIR --dry-run    only cross-validate

DIR holds `injection.jsonl` (rows id, text, label, group, channel). Texts that share five words in a row
stay in one fold, so that no template is on both sides; then each group of attacks is left out once, which
tells what to expect of attacks that nobody has seen. Only numbers are stored, never a text.
"""

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.rows import read_rows
from domains.loader import find_domain, load_domain, load_passages
from memory import injection
from memory.disguise import read
from memory.injection import BUCKETS, RULES, Channel, Head, features, pieces
from memory.injectionrules import signs

FOLDS = 5
SEED = 7
STEPS = 1500
STEP = 0.5
"""Length of a step; the curvature is below 2."""

SCALE = 1000
"""Weights are stored as whole numbers, this many to one."""

DECAY: dict[Channel, float] = {"user": 1e-5, "document": 1e-5}
"""L2 penalty on the weights of hashed features; chosen by cross-validation."""

SIGN_DECAY = 0.02
"""L2 penalty on what is added to a rule's weight: the rules are trusted more than the rows."""

ALARMS: dict[Channel, float] = {"user": 0.01, "document": 0.02}
"""Share of harmless texts (of documents: sentences) that may be flagged in the report."""

DOMAINS = ("solaris", "support")
PASSAGES = 150
"""Passages of each shipped domain that are learned as harmless (count)."""

OWN = Path(__file__).with_name("injection_own.jsonl")
"""Texts of our own: ways of attack that the data may lack, and harmless texts that look like them."""


class Text(NamedTuple):
    """One text to learn from."""

    ids: np.ndarray
    signs: list[str]
    prior: float
    """Log-odds that the rules give it."""

    is_attack: bool
    group: str
    cluster: int
    """Texts of one cluster stay in one fold."""


def shipped() -> list[dict[str, Any]]:
    """Return what the shipped domains bring as harmless texts: example questions and passages."""
    found: list[tuple[Channel, str]] = []
    for name in DOMAINS:
        domain = load_domain(find_domain(name))
        found += [("user", text) for text, _ in domain.examples()]
        passages = [passage.text for passage in load_passages(domain)]
        found += [("document", text) for text in passages[:: max(1, len(passages) // PASSAGES)]]
    kept = {"label": "allow", "group": "own_domains"}
    return [{"text": text, "channel": channel, **kept} for channel, text in found]


def prepare(rows: Sequence[dict[str, Any]], channel: Channel) -> list[Text]:
    """Make texts plain and find their features; a document counts sentence by sentence."""
    clusters = cluster([row["text"] for row in rows])
    found: list[Text] = []
    for row, number in zip(rows, clusters, strict=True):
        reading = read(row["text"])
        matched = signs(reading.text, RULES[channel])
        prior = sum(rule.weight for rule in matched) + injection.CONCEALED * reading.concealed
        found.append(
            Text(
                features(reading.text),
                [rule.name for rule in matched],
                prior,
                row["label"] == "block",
                row["group"],
                number,
            )
        )
    return found


def sentences(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the sentences of documents; one that stands in clean documents too is no attack."""
    clean = {piece for row in rows if row["label"] == "allow" for piece in pieces(read(row["text"]).text)}
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        for piece in pieces(read(row["text"]).text):
            is_attack = row["label"] == "block" and piece not in clean
            found.setdefault(
                piece, {"text": piece, "label": "block" if is_attack else "allow", "group": row["group"]}
            )
    return list(found.values())


def cluster(texts: Sequence[str]) -> list[int]:
    """Number the texts so that those with many word triples in common get the same number."""
    owner: dict[tuple[str, ...], int] = {}
    parent = list(range(len(texts)))

    def root(at: int) -> int:
        while parent[at] != at:
            at = parent[at]
        return at

    for number, text in enumerate(texts):
        words = text.lower().split()
        triples = {tuple(words[at : at + 5]) for at in range(max(1, len(words) - 4))}
        for triple in triples:
            if triple in owner:
                parent[root(number)] = root(owner[triple])
            else:
                owner[triple] = number
    return [root(number) for number in range(len(texts))]


def train(texts: Sequence[Text], channel: Channel, *, steps: int = STEPS) -> Head:
    """Fit by gradient descent with momentum (Nesterov 1983) on the log-loss; both classes weigh the same."""
    names = sorted({rule.name for rule in RULES[channel]})
    columns = {name: BUCKETS + at for at, name in enumerate(names)}
    rows, ids, values = _sparse(texts, columns)
    size = BUCKETS + len(names) + 1
    y = np.array([text.is_attack for text in texts], dtype=float)
    prior = np.array([text.prior for text in texts])
    share = np.where(y == 1, 0.5 / y.sum(), 0.5 / (1 - y).sum())
    decay = np.full(size, DECAY[channel])
    decay[BUCKETS:-1], decay[-1] = SIGN_DECAY, 0.0
    weights = before = np.zeros(size)
    for step in range(steps):
        ahead = weights + step / (step + 3) * (weights - before)
        odds = np.bincount(rows, values * ahead[ids], minlength=len(texts)) + prior
        error = share * (1 / (1 + np.exp(-np.clip(odds, -30, 30))) - y)
        slope = np.bincount(ids, values * error[rows], minlength=size) + decay * ahead
        before, weights = weights, ahead - STEP * slope
    added = {name: round(float(weights[column]), 3) for name, column in columns.items()}
    return Head(weights[:BUCKETS].astype(np.float32), added, float(weights[-1]))


def _sparse(texts: Sequence[Text], columns: dict[str, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return row, column and value of each number that is not 0."""
    rows: list[int] = []
    ids: list[int] = []
    values: list[float] = []
    for row, text in enumerate(texts):
        named = [columns[name] for name in text.signs] + [BUCKETS + len(columns)]
        ids += [*text.ids.tolist(), *named]
        values += [1 / math.sqrt(max(1, len(text.ids)))] * len(text.ids) + [1.0] * len(named)
        rows += [row] * (len(text.ids) + len(named))
    return np.array(rows), np.array(ids), np.array(values)


def log_odds(head: Head, text: Text) -> float:
    """Return what a model says of a prepared text."""
    learned = float(head.weights[text.ids].sum()) / math.sqrt(max(1, len(text.ids)))
    return head.bias + text.prior + sum(head.signs[name] for name in text.signs) + learned


def folded(texts: Sequence[Text], channel: Channel) -> np.ndarray:
    """Return the log-odds of each text by a model that saw nothing of its cluster."""
    clusters = sorted({text.cluster for text in texts})
    order = np.random.default_rng(SEED).permutation(len(clusters))
    fold = {name: int(place) % FOLDS for name, place in zip(clusters, order, strict=True)}
    found = np.zeros(len(texts))
    for number in range(FOLDS):
        head = train([text for text in texts if fold[text.cluster] != number], channel)
        for at, text in enumerate(texts):
            if fold[text.cluster] == number:
                found[at] = log_odds(head, text)
    return found


def report(texts: Sequence[Text], channel: Channel) -> dict[str, Any]:
    """Return recall at false alarms that are bearable, by group, and of each group of attacks left out.

    Harmless texts of our own are made to look like attacks, so they do not count as false alarms.
    """
    scores = folded(texts, channel)
    harmless = np.sort(
        [s for t, s in zip(texts, scores, strict=True) if not t.is_attack and not t.group.startswith("own")]
    )
    limit = float(harmless[-1 - int(ALARMS[channel] * len(harmless))])
    groups: dict[str, list[bool]] = defaultdict(list)
    for text, score in zip(texts, scores, strict=True):
        groups[f"{text.group} {'attack' if text.is_attack else 'harmless'}"].append(bool(score > limit))
    unseen = {}
    for group in sorted({text.group for text in texts if text.is_attack}):
        head = train([text for text in texts if not (text.is_attack and text.group == group)], channel)
        caught = [log_odds(head, text) > limit for text in texts if text.is_attack and text.group == group]
        unseen[group] = round(float(np.mean(caught)), 3)
    attacks = [
        s > limit for t, s in zip(texts, scores, strict=True) if t.is_attack and not t.group.startswith("own")
    ]
    return {
        "channel": channel,
        "false_alarms": ALARMS[channel],
        "limit": round(1 / (1 + math.exp(-limit)), 3),
        "recall": round(float(np.mean(attacks)), 3),
        "flagged": {name: round(float(np.mean(flags)), 3) for name, flags in sorted(groups.items())},
        "recall_when_left_out": unseen,
    }


def stored(head: Head) -> dict[str, Any]:
    """Return the numbers of a model as they are written."""
    whole = np.rint(head.weights * SCALE).astype(int)
    buckets = np.flatnonzero(whole)
    return {
        "bias": round(head.bias, 4),
        "signs": head.signs,
        "buckets": buckets.tolist(),
        "weights": whole[buckets].tolist(),
    }


def main() -> None:
    """Cross-validate, then write the model."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with injection.jsonl")
    parser.add_argument("--dry-run", action="store_true", help="only cross-validate")
    asked = parser.parse_args()
    rows = [*read_rows(asked.data / "injection.jsonl"), *read_rows(OWN), *shipped()]
    by_channel: dict[Channel, list[dict[str, Any]]] = {
        "user": [row for row in rows if row["channel"] == "user"],
        "document": sentences([row for row in rows if row["channel"] == "document"]),
    }
    model: dict[str, Any] = {"scale": SCALE}
    for channel, chosen in by_channel.items():
        texts = prepare(chosen, channel)
        print(json.dumps(report(texts, channel), indent=2))
        model[channel] = stored(train(texts, channel))
    if not asked.dry_run:
        injection.FILE.write_text(json.dumps(model, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
