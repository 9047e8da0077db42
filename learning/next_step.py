"""The next-step model of a release: what follows what, what a session so far tells, and how sure to be of it.

Kneser-Ney counts and a small network are mixed as a weighted geometric mean. What is chosen is chosen on
sessions held out; then the network learns from all of them.
"""

import hashlib
import math
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learning.calibration import calibrated, fit_curves, fit_risk, measure
from learning.chosen import Chosen, read_chosen, write_chosen
from learning.clues import StepClues, find_all
from learning.histories import earlier_steps, histories
from learning.kneser_ney import count_contexts, share_labels
from learning.network import Targets, Trained, finish, scores, train
from learning.numbering import distinct
from learning.sessions import SOLVED, UNKNOWN, Sessions, choose
from learning.trust import MIN_USERS
from learning.words import known_words, number_words
from memory.arrays import Curve, Model, Risk, Tuning, mixed
from memory.clues import layout
from memory.contexts import Contexts, failure_rate, find_chain, interpolate, popularity

HELD_OUT_SHARE = 0.15
"""Share of sessions (0 to 1) that tuning and metrics are measured on."""

NEWEST_PART = 0.5
"""Part of them (0 to 1) that are the newest, since what is learned is asked about tomorrow; the others are
drawn from all, since the newest may be of one kind. Where no session has a time all are drawn."""

FEW_SESSIONS = 40
"""With fewer sessions nothing is held out, no network is trained, and the cautious tuning is taken."""

MEASURED_STEPS = 8_000
"""Held-out steps looked at while tuning (count, up to twice as many)."""

SHARES = (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Weights of the network that are tried."""

MEMBERS = 2
"""Networks whose scores are averaged: where one is too sure by chance, the other is not."""

EPOCHS = 6
VISITS_AT_LEAST, VISITS_AT_MOST = 20_000, 500_000
"""Looks at a step in one training: `EPOCHS` times each, more on short logs, fewer on long ones."""

EPOCHS_AT_MOST = 20

LEARNED_STEPS = 250_000
"""Steps that the network learns from (count); the counts take all."""

GROWTH = 1.1
SETTLED_FROM = 20_000
"""From so many sessions on, the network is trained again only when the log has grown by a tenth: on the
first sessions, as many as the largest power of `GROWTH` that there are, with the outcomes known by the start
of the last of them. So one more day costs no training, and gives what a full run gives."""

CAUTIOUS = Tuning(share=0.0, curves=[Curve([-1.0, 1.0], [-0.8, 0.8])], risk=Risk(0.0, 1.0, 0.0))
"""For logs too small to measure: a little less sure than the counts are (as on all logs measured)."""

Ints = NDArray[np.int64]
Chances = NDArray[np.float64]


class Fitted(NamedTuple):
    """A model and how good it is."""

    model: Model
    metrics: dict[str, float]
    """Measured on held-out sessions; empty when there were too few."""


class Told(NamedTuple):
    """What counts and network say of held-out steps."""

    counted: Chances
    learned: Chances
    """Scores of the network, one row a step (R, L)."""

    counted_failure: NDArray[np.float64]
    """Not a number where no outcome is known."""

    learned_failure: NDArray[np.float64]


class Places(NamedTuple):
    """Steps that have one before them in their session, with what tells of them and what they are."""

    at: Ints
    session: Ints
    clues: StepClues
    targets: Targets


def fit(sessions: Sessions, domain: str, *, cache: Path | None = None) -> Fitted:
    """Choose mixture and calibration on held-out sessions, then learn from all of them.

    `cache` is a folder where a training is kept that a longer log needs again; the result is the same.
    """
    del domain  # patterns are named when they are asked for
    shared = share_labels(sessions)
    chosen = Chosen(None, [], CAUTIOUS, {})
    if len(sessions) >= FEW_SESSIONS and shared.labels:
        chosen = _chosen(_settled(sessions), cache)
    numbers = {label: number for number, label in enumerate(shared.labels)}
    model = Model(
        labels=shared.labels,
        contexts=count_contexts(shared),
        histories=histories(shared),
        network=chosen.network,
        network_labels=np.array([numbers[label] for label in chosen.labels], np.int32),
        tuning=chosen.tuning,
    )
    return Fitted(model, chosen.metrics)


def _settled(sessions: Sessions) -> Sessions:
    """Return the first sessions of a long log, all of a short one."""
    if len(sessions) < SETTLED_FROM:
        return sessions
    grown = math.floor(math.log(len(sessions) / SETTLED_FROM, GROWTH) + 1e-9)
    count = min(len(sessions), math.ceil(SETTLED_FROM * GROWTH**grown))
    settled = choose(sessions, np.sort(np.argsort(_starts(sessions), kind="stable")[:count]))
    present, users = np.unique(settled.users, return_inverse=True)
    newest = settled.times[settled.offsets[:-1][np.diff(settled.offsets) > 0]].max(initial=0)
    return replace(
        settled,
        users=users.astype(np.int32),
        user_keys=[settled.user_keys[number] for number in present],
        outcomes=np.where(settled.first_told <= newest, settled.first_outcomes, UNKNOWN).astype(np.int8),
        first_outcomes=np.zeros(0, np.int8),
        first_told=np.zeros(0),
    )


def _chosen(sessions: Sessions, cache: Path | None) -> Chosen:
    """Tune and train, or read what an earlier run found on the same sessions."""
    shared = share_labels(sessions)
    if cache is None:
        return _tune_and_train(shared)
    found = read_chosen(cache, shared)
    if found is None:
        found = _tune_and_train(shared)
        write_chosen(cache, shared, found)
    return found


def _tune_and_train(shared: Sessions) -> Chosen:
    """Train on most sessions to tune on the rest, then train on all."""
    if not shared.labels:
        return Chosen(None, [], CAUTIOUS, {})
    words = known_words(shared)
    places = _places(shared, words)
    held = is_held(shared)[places.session]
    taught = _may_teach(shared, places.at)
    rows, asked = np.flatnonzero(taught & ~held), np.flatnonzero(held)
    asked = asked[:: max(1, len(asked) // MEASURED_STEPS)]
    if not len(rows) or not len(asked):
        return Chosen(None, [], CAUTIOUS, {})
    trial = _train(places, rows, shared, words)
    contexts = count_contexts(choose(shared, np.flatnonzero(~is_held(shared))))
    tuning, metrics = _tune(_ask(shared, places, asked, contexts, trial), places, asked)
    if not tuning.share:  # the counts do better without it
        return Chosen(None, [], tuning, metrics)
    network = finish(_train(places, np.flatnonzero(taught), shared, words), words)
    return Chosen(network, shared.labels, tuning, metrics)


def is_held(sessions: Sessions) -> NDArray[np.bool_]:
    """Mark the held-out sessions; those drawn are drawn by a digest of their ids, always the same."""
    began = _starts(sessions)
    newest = HELD_OUT_SHARE * NEWEST_PART if began.min() < began.max() else 0.0
    digests = [hashlib.sha256(session_id.encode()).digest() for session_id in sessions.ids]
    draws = np.array([int.from_bytes(one[:4], "big") / 2**32 for one in digests])
    held: NDArray[np.bool_] = draws < HELD_OUT_SHARE - newest
    held[np.argsort(began, kind="stable")[math.ceil(len(sessions) * (1 - newest)) :]] = True
    return held


def _starts(sessions: Sessions) -> NDArray[np.float64]:
    """Return when each session began (Unix seconds)."""
    return sessions.times[np.minimum(sessions.offsets[:-1], len(sessions.times) - 1)]


def _places(sessions: Sessions, words: NDArray[np.uint32]) -> Places:
    """Return the steps that can be predicted, of evenly drawn sessions when there are too many."""
    lengths = np.diff(sessions.offsets)
    every = max(1, math.ceil(int(np.maximum(lengths - 1, 0).sum()) / LEARNED_STEPS))
    session = np.repeat(np.arange(len(sessions)), lengths)
    at = np.arange(len(sessions.steps))
    follows = (at > sessions.offsets[session]) & (session % every == 0)
    at, session = at[follows], session[follows]
    numbers, number_offsets = number_words(sessions, words)
    where = layout(len(sessions.labels), len(words))
    clues = find_all(sessions, at, numbers, number_offsets, earlier_steps(sessions), where)
    outcome = sessions.outcomes[session]
    weight = 1 / (lengths[session] - 1)
    targets = Targets(
        label=sessions.steps[at].astype(np.int64),
        failed=np.where(outcome == UNKNOWN, -1, outcome != SOLVED).astype(np.int64),
        failed_weight=(weight / weight.mean()).astype(np.float32) if len(at) else weight.astype(np.float32),
    )
    return Places(at, session, clues, targets)


def _may_teach(sessions: Sessions, at: Ints) -> NDArray[np.bool_]:
    """Mark the steps that at least `MIN_USERS` users took after the same one: what fewer did is theirs."""
    width = len(sessions.labels) + 1
    pair = sessions.steps[at - 1].astype(np.int64) * width + sessions.steps[at]
    owner = np.repeat(sessions.users, np.diff(sessions.offsets))[at]
    people = max(len(sessions.user_keys), 1)
    kinds, users = np.unique(distinct(pair * people + owner) // people, return_counts=True)
    marks: NDArray[np.bool_] = users[np.searchsorted(kinds, pair)] >= MIN_USERS
    return marks & (sessions.steps[at] < len(sessions.labels))


def _train(places: Places, rows: Ints, sessions: Sessions, words: NDArray[np.uint32]) -> list[Trained]:
    visits = max(EPOCHS * len(rows), min(EPOCHS_AT_MOST * len(rows), VISITS_AT_LEAST))
    visits = min(visits, VISITS_AT_MOST)
    clues, targets, labels = places.clues, places.targets, len(sessions.labels)
    features = layout(labels, len(words)).size
    return [
        train(clues, targets, rows, features, labels, visits=visits, seed=seed) for seed in range(MEMBERS)
    ]


# --- tuning ----------------------------------------------------------------------------------------


def _ask(sessions: Sessions, places: Places, asked: Ints, contexts: Contexts, trial: list[Trained]) -> Told:
    """Ask counts and network for held-out steps."""
    labels = len(sessions.labels)
    counted, popular = np.empty((len(asked), labels)), popularity(contexts, labels)
    failure = np.full(len(asked), np.nan)
    for n, row in enumerate(asked):
        begin, at = int(sessions.offsets[places.session[row]]), int(places.at[row])
        steps = [
            step + 1 if step < labels else -1 for step in sessions.steps[max(begin, at - 8) : at].tolist()
        ]
        chain = find_chain(contexts, steps)
        counted[n] = interpolate(contexts, chain, popular)
        rate = failure_rate(contexts, chain)
        failure[n] = np.nan if rate is None else rate
    learned, learned_failure = scores(trial, places.clues, asked)
    return Told(counted, learned.astype(np.float64), failure, learned_failure.astype(np.float64))


def _tune(told: Told, places: Places, asked: Ints) -> tuple[Tuning, dict[str, float]]:
    """Choose mixture, curves and risk, and measure with that choice.

    The calibration error is that of each half of the sessions under the curves of the other half.
    """
    label = places.targets.label[asked]
    target = np.where(label < told.counted.shape[1], label, -1)
    trials = {share: mixed(told.counted, told.learned, share) for share in SHARES}
    share = min(SHARES, key=lambda one: _loss(trials[one], target))
    chances = trials[share]
    half = places.session[asked] % 2 == 0
    confidence = np.zeros(len(target))
    for part in (half, ~half):
        confidence[part] = calibrated(chances[part], fit_curves(chances[~part], target[~part]))
    failed = places.targets.failed[asked]
    weight = places.targets.failed_weight[asked].astype(np.float64)
    risk = fit_risk(told.learned_failure, told.counted_failure, failed, weight)
    if not share:
        risk = CAUTIOUS.risk
    return Tuning(share, fit_curves(chances, target), risk), measure(chances, target, confidence)


def _loss(chances: Chances, target: Ints) -> float:
    """Return the mean negative log likelihood of the steps that can be named."""
    known = np.flatnonzero(target >= 0)
    if not len(known):
        return 0.0
    return float(-np.log(np.maximum(chances[known, target[known]], 1e-9)).mean())
