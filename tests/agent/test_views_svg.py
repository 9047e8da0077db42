"""Pictures: well-formed, alone, and true to what they show."""

import re
from collections.abc import Callable
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from inline_snapshot import snapshot

from agent.views import machine
from agent.views.svg import BLUE, RED, graph_svg, guidance_svg, timeline_svg
from graph.build import STOPS
from graph.trace import NodeRun
from memory.records import Attempt, Guidance, Suggestion
from tests.agent.traces import GUIDANCE, bare_turn, eventful_turn

HOSTILE = "</text><script>alert(1)</script>\x00\x1b[2J\u202eabc\ud800 سلام & \"'"

PICTURES: dict[str, Callable[[], str]] = {
    "machine": graph_svg,
    "path": lambda: graph_svg(eventful_turn().path, degraded=["generator"]),
    "foreign path": lambda: graph_svg([HOSTILE, "judge"], degraded=[HOSTILE]),
    "timeline": lambda: timeline_svg(eventful_turn()),
    "timeline of nothing": lambda: timeline_svg(bare_turn(duration_ms=0)),
    "foreign timeline": lambda: timeline_svg(
        timeline_of([NodeRun(node=HOSTILE, run=1, start_ms=0, duration_ms=0)])
    ),
    "guidance": lambda: guidance_svg(GUIDANCE),
    "no guidance": lambda: guidance_svg(Guidance(arm="holdout")),
    "foreign guidance": lambda: guidance_svg(
        Guidance(
            suggestions=[
                Suggestion(label=HOSTILE * 40, confidence=1, pattern_id=HOSTILE, support=0, why=HOSTILE)
            ]
        )
    ),
}


def timeline_of(runs: list[NodeRun]):
    return eventful_turn().model_copy(update={"runs": runs, "duration_ms": None})


def said(picture: str) -> list[str]:
    return [text.text or "" for text in ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")]


def titles(picture: str) -> list[str]:
    return [text.text or "" for text in ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}title")]


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_well_formed_and_needs_nothing_else(name: str) -> None:
    picture = PICTURES[name]()

    root = ET.fromstring(picture)
    tags = {element.tag.removeprefix("{http://www.w3.org/2000/svg}") for element in root.iter()}
    assert tags <= {"svg", "title", "style", "g", "path", "rect", "circle", "text"}
    assert picture.encode()  # no half of a surrogate pair
    assert "://" not in picture.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r'url\(|href|\bid="|\bon\w+=', picture)
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e]", picture)


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_stays_within_its_frame(name: str) -> None:
    root = ET.fromstring(PICTURES[name]())
    width, height = float(root.attrib["width"]), float(root.attrib["height"])

    for element in root.iter():
        x, y = float(element.get("x", 0)), float(element.get("y", 0))
        assert 0 <= x <= width and 0 <= y <= height
        assert x + float(element.get("width", 0)) <= width


def test_the_machine_is_drawn_as_it_runs() -> None:
    built = {(name, target) for name, stop in STOPS.items() for target in stop.leads_to if target in STOPS}

    assert {(edge.source, edge.target) for edge in machine.EDGES} == built
    assert set(machine.PLACES) == set(STOPS)
    assert {edge.source for edge in machine.EDGES if edge.route} == {
        name for name, stop in STOPS.items() if stop.route
    }


def test_arrows_begin_and_end_at_the_boxes_they_join() -> None:
    for edge in machine.EDGES:
        start = [int(number) for number in re.findall(r"\d+", edge.line)[:2]]
        assert touches(machine.PLACES[edge.source], *start), edge
        assert touches(machine.PLACES[edge.target], edge.tip.x, edge.tip.y), edge


def touches(place: machine.Place, x: int, y: int) -> bool:
    across = place.left - 1 <= x <= place.left + machine.BOX_WIDTH + 1
    return across and place.top - 1 <= y <= place.top + machine.BOX_HEIGHT + 1


def test_boxes_do_not_overlap_and_labels_lie_beside_them() -> None:
    boxes = [(place.left, place.top) for place in machine.PLACES.values()]
    labels = [edge.label for edge in machine.EDGES if edge.route]

    for (x, y), (other_x, other_y) in pairwise(sorted(boxes)):
        assert x + machine.BOX_WIDTH <= other_x or y + machine.BOX_HEIGHT <= other_y
    for x, y in labels:
        assert not any(
            left < x < left + machine.BOX_WIDTH and top < y < top + machine.BOX_HEIGHT for left, top in boxes
        )


def test_the_path_taken_is_counted_node_by_node_and_way_by_way() -> None:
    trace = eventful_turn()

    told = titles(graph_svg(trace.path, degraded=["generator"]))

    assert "generator: ran 2 ×, degraded" in told
    assert "judge: ran 2 ×" in told
    assert "clarifier: did not run" in told
    assert "generator → judge ×2" in told
    assert "judge → generator: revise" in told
    assert said(graph_svg(trace.path)).count("×2") == 2


def test_a_machine_without_a_path_says_nothing_of_runs() -> None:
    assert "clarifier" in titles(graph_svg())
    assert ": ran" not in " ".join(titles(graph_svg())) and "did not run" not in " ".join(titles(graph_svg()))


def test_a_timeline_tells_times_attempts_and_failures() -> None:
    picture = timeline_svg(eventful_turn())

    assert titles(picture)[7:9] == snapshot(
        [
            "generator: 34 ms, from 22 ms. primary failed after 22 ms (timeout), then local worked in 12 ms",
            "judge: 1.1 ms, from 56 ms",
        ]
    )
    assert said(picture)[-4:] == snapshot(["output_guard", "0.3 ms", "memory_updater", "1.9 ms"])


def test_the_axis_of_a_long_turn_is_in_seconds() -> None:
    slow = NodeRun(
        node="generator",
        run=1,
        start_ms=0,
        duration_ms=12_000,
        attempts=[Attempt(skill="primary", duration_ms=12_000, error="timeout")],
    )

    picture = timeline_svg(timeline_of([slow]))

    assert said(picture)[:5] == snapshot(["0", "5.0 s", "10.0 s", "generator", "12.0 s"])


def test_a_timeline_of_very_many_runs_is_cut_and_says_so() -> None:
    runs = [NodeRun(node="judge", run=number, start_ms=number, duration_ms=1) for number in range(1, 5_001)]

    picture = timeline_svg(timeline_of(runs))

    assert len(picture) < 60_000
    assert said(picture)[-1] == "… 4,940 more node runs"


def test_suggestions_are_shown_with_confidence_pattern_and_support() -> None:
    assert said(guidance_svg(GUIDANCE)) == snapshot(
        [
            "1. procedure/seal",
            "p-3f2a9c1b0d5e7f11 · 142 sessions, 91% solved",
            "62%",
            "2. maintenance/seal",
            "p-81c0ffee12345678 · 1 session, outcomes unknown",
            "18%",
        ]
    )


def test_guidance_that_was_withheld_says_why() -> None:
    withheld = GUIDANCE.model_copy(update={"arm": "holdout"})

    assert said(guidance_svg(withheld)) == snapshot(
        ["No suggestion: withheld in this session, to measure what guidance is worth"]
    )


def test_a_picture_alone_follows_the_reader_and_in_a_page_the_page() -> None:
    picture = graph_svg()

    assert "svg:root{color-scheme:light dark;color:" in picture  # matches only where it stands alone
    assert 'fill="currentColor"' in picture


def bars(picture: str, name: str) -> list[tuple[float, float, str]]:
    """Return left edge, width and colour of the bars in the group with this title."""
    for group in ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}g"):
        if (group[0].text or "").startswith(name):
            rects = group.iter("{http://www.w3.org/2000/svg}rect")
            return [(float(one.attrib["x"]), float(one.attrib["width"]), one.attrib["fill"]) for one in rects]
    raise AssertionError(name)


def test_bars_stand_where_and_as_long_as_the_runs_were() -> None:
    runs = [
        NodeRun(node="retriever", run=1, start_ms=0, duration_ms=25),
        NodeRun(node="judge", run=1, start_ms=50, duration_ms=50),
    ]

    picture = timeline_svg(timeline_of(runs))

    [(first_x, first_width, _)], [(x, width, colour)] = bars(picture, "retriever"), bars(picture, "judge")
    assert (width / first_width, x - first_x, colour) == (2.0, pytest.approx(width), BLUE)


def test_attempts_follow_each_other_within_the_bar_and_a_failed_one_is_hatched_red() -> None:
    trace = eventful_turn()

    [failed, worked] = bars(timeline_svg(trace), "generator: ")

    assert (failed[2], worked[2]) == (RED, BLUE)
    assert worked[0] == pytest.approx(failed[0] + failed[1], abs=0.2)
    assert f'stroke="{RED}" stroke-width="1.6"' in timeline_svg(trace)
    assert RED not in timeline_svg(timeline_of(list(trace.runs[:3])))


def test_a_node_that_ran_is_blue_one_that_was_replaced_red_one_that_rested_takes_the_text_colour() -> None:
    picture = graph_svg(eventful_turn().path, degraded=["generator"])

    colours = {name: bars(picture, f"{name}:")[0][2] for name in ("generator", "retriever", "clarifier")}
    assert colours == {"generator": RED, "retriever": BLUE, "clarifier": "currentColor"}
