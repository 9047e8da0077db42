"""The ways of sessions as a graph: true counts, and nothing that tells of few persons."""

from collections import Counter
from itertools import groupby

import pytest

from learning.flowgraph import FlowGraph, flow_graph
from learning.patternflow import flow_of_patterns
from learning.sessions import SOLVED, UNKNOWN, UNSOLVED, Sessions, make_sessions
from memory.records import Pattern, parse_step
from tests.learning.logs import START
from tests.learning.test_flows import crowd, row, simulated


def node(flow: FlowGraph, column: int, label: str | None) -> int:
    [place] = [n for n, one in enumerate(flow.nodes) if (one.column, one.label) == (column, label)]
    return place


def edges(flow: FlowGraph) -> dict[tuple[str | None, str | None], int]:
    return {(flow.nodes[one.source].label, flow.nodes[one.target].label): one.sessions for one in flow.edges}


def slow_columns(sessions: Sessions) -> list[Counter[str]]:
    """Count by hand what stands at each place, repeats in a row once."""
    found = [Counter[str]() for _ in range(6)]
    for number in range(len(sessions)):
        path = sessions.steps[sessions.offsets[number] : sessions.offsets[number + 1]]
        for column, (step, _) in enumerate(list(groupby(path))[:6]):
            found[column][sessions.labels[step]] += 1
    return found


def test_every_column_counts_every_session_that_has_come_so_far() -> None:
    sessions = simulated(5)

    flow = flow_graph(sessions)

    for column, counts in enumerate(slow_columns(sessions)):
        nodes = [one for one in flow.nodes if one.column == column]
        assert {one.label: one.sessions for one in nodes if one.label} == dict(counts.most_common(7))
        assert sum(one.sessions for one in nodes) == counts.total()
        assert sum(one.labels for one in nodes) == len(counts)


def test_a_node_knows_how_many_end_there_and_how_they_fared() -> None:
    rows = crowd(["ask", "answer"], [SOLVED] * 30) + crowd(["ask"], [UNSOLVED] * 60, first=100)

    flow = flow_graph(make_sessions(rows))

    ask, answer = flow.nodes[node(flow, 0, "ask")], flow.nodes[node(flow, 1, "answer")]
    assert (ask.sessions, ask.ended, ask.success_rate, ask.standing) == (90, 60, 0.3333, "usual")
    assert (answer.sessions, answer.ended, answer.success_rate, answer.standing) == (30, 30, 1.0, "more")
    assert edges(flow) == {("ask", "answer"): 30}


def test_sessions_that_go_on_behind_the_last_column_do_not_end_in_it() -> None:
    flow = flow_graph(make_sessions(crowd(["a", "b", "c"], [SOLVED] * 10)), columns=2)

    assert [one.ended for one in flow.nodes] == [0, 0]


def test_a_picture_of_a_start_begins_where_sessions_first_show_it() -> None:
    rows = crowd(["x", "ask", "look", "ask", "look", "bye"], [SOLVED] * 10) + crowd(["ask"], [SOLVED] * 9)

    flow = flow_graph(make_sessions(rows), ["ask", "look"])

    assert (flow.sessions, flow.start) == (10, ["ask", "look"])
    assert [one.label for one in flow.nodes] == ["ask", "look", "ask", "look", "bye"]


def test_a_start_that_nobody_shows_is_an_empty_picture() -> None:
    sessions = make_sessions(crowd(["ask", "answer"], [SOLVED] * 10))

    assert flow_graph(sessions, ["answer", "ask"]).nodes == []
    assert flow_graph(sessions, ["unheard"]).sessions == 0
    assert flow_graph(make_sessions([])).nodes == []


def test_what_fewer_than_five_users_did_stands_with_others_or_nowhere() -> None:
    common = crowd(["ask", "answer"], [SOLVED] * 40)
    few = crowd(["ask", "secret"], [SOLVED] * 40, users=4, first=100)
    more = [row(200 + n, f"one-{n}", ["ask", f"own{n}"]) for n in range(3)]

    alone = flow_graph(make_sessions(common + few))
    together = flow_graph(make_sessions(common + few + more))

    assert [one.label for one in alone.nodes] == ["ask", "answer"]
    assert edges(alone) == {("ask", "answer"): 40}
    others = together.nodes[node(together, 1, None)]
    assert (others.labels, others.sessions) == (4, 43)


def test_what_chance_explains_has_no_colour() -> None:
    standings = [
        one.standing
        for seed in range(20)
        for flow in [flow_graph(simulated(seed))]
        for one in [*flow.nodes, *flow.edges]
    ]

    assert sum(standing in ("less", "more") for standing in standings) <= 0.001 * len(standings)


def test_a_rate_of_hardly_any_outcome_is_unknown() -> None:
    flow = flow_graph(make_sessions(crowd(["ask"], [SOLVED] * 4 + [UNKNOWN] * 40)))

    assert (flow.nodes[0].known, flow.nodes[0].success_rate, flow.nodes[0].standing) == (4, None, "unknown")


# --- from patterns ----------------------------------------------------------------------------------------


def pattern(kind: str, labels: str, frequency: int, rate: float | None = 0.5) -> Pattern:
    return Pattern(
        pattern_id=f"p-{labels}",
        pattern_type=kind,  # type: ignore[arg-type]
        sequence=[parse_step(label) for label in labels.split()],
        frequency=frequency,
        users=9,
        success_rate=rate,
        last_updated=START,
    )


def test_whole_flows_add_up_where_they_have_a_beginning_in_common() -> None:
    found = [
        pattern("flow", "ask look bye", 30, 1.0),
        pattern("flow", "ask look", 10, 0.0),
        pattern("flow", "hi", 5),
    ]

    flow = flow_of_patterns([*found, pattern("sequence", "ask look", 99)])

    assert flow.sessions == 45
    look = flow.nodes[node(flow, 1, "look")]
    assert (look.sessions, look.ended, look.success_rate, look.standing) == (40, 10, 0.75, "usual")
    assert edges(flow) == {("ask", "look"): 40, ("look", "bye"): 30}


def test_the_ways_from_a_start_are_its_sequences_with_their_own_figures() -> None:
    found = [
        pattern("sequence", "ask look", 50),
        pattern("sequence", "ask look bye", 20),
        pattern("sequence", "ask call", 10),
        pattern("sequence", "look bye", 70),
        pattern("flow", "ask look", 99),
    ]

    flow = flow_of_patterns(found, ["ask"])

    assert flow.sessions == 60
    assert edges(flow) == {("ask", "look"): 50, ("look", "bye"): 20, ("ask", "call"): 10}


def test_a_start_in_the_middle_of_a_longer_pattern_is_drawn_with_all_its_steps() -> None:
    flow = flow_of_patterns([pattern("sequence", "ask look bye", 20)], ["ask", "look"])

    assert [(one.label, one.sessions) for one in flow.nodes] == [("ask", 20), ("look", 20), ("bye", 20)]


@pytest.mark.parametrize("start", [[], ["ask"]])
def test_no_pattern_is_an_empty_picture(start: list[str]) -> None:
    assert flow_of_patterns([], start).nodes == []
