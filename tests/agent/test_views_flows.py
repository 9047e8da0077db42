"""Pictures and pages of flows: whole, legible, safe, and true to what was found."""

import itertools
import re
import unicodedata
from collections.abc import Callable
from xml.etree import ElementTree as ET

import pytest

from agent.views.flowpicture import BOX_WIDTH, flow_picture
from agent.views.flowreport import flow_report_markdown, flow_report_text, to_do
from agent.views.lettering import text_width, wrapped
from learning.findings import FlowReport
from learning.flowgraph import FlowGraph, flow_graph
from learning.flows import analyse
from learning.sessions import SOLVED, UNKNOWN, UNSOLVED, make_sessions
from tests.agent.test_views_svg import HOSTILE
from tests.learning.test_flows import crowd, simulated

SVG = "{http://www.w3.org/2000/svg}"
LONG = "a_very_long_intent_name_that_somebody_has_made_up/" * 8


def flow_of(*labels: str) -> FlowGraph:
    return flow_graph(make_sessions(crowd(list(labels), [SOLVED] * 30 + [UNSOLVED] * 10)))


def many(count: int) -> FlowGraph:
    rows = [row for n in range(count) for row in crowd([f"s{n}", f"s{(n + 1) % count}", "end"], [SOLVED] * 6)]
    return flow_graph(make_sessions(rows))


PICTURES: dict[str, Callable[[], str]] = {
    "usual": lambda: flow_picture(flow_graph(simulated(1, trap=0.2)), "Flows of pumps"),
    "nothing": lambda: flow_picture(flow_graph(make_sessions([]))),
    "one step": lambda: flow_picture(flow_of("ask")),
    "forty labels": lambda: flow_picture(many(40)),
    "no outcome": lambda: flow_picture(flow_graph(make_sessions(crowd(["a", "b"], [UNKNOWN] * 9)))),
    "long": lambda: flow_picture(flow_of("ask", LONG, "bye"), LONG),
    "one word": lambda: flow_picture(flow_of("ask", "W" * 400)),
    "hostile": lambda: flow_picture(flow_of(HOSTILE, "|`<b>`|"), HOSTILE),
    "foreign": lambda: flow_picture(
        flow_of("故障診断/油圧システムの圧力低下", "مرحبا بالعالم", "e\u0301" * 60)
    ),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_flow_picture_is_well_formed_and_needs_nothing_else(name: str) -> None:
    picture = PICTURES[name]()

    tags = {element.tag.removeprefix(SVG) for element in ET.fromstring(picture).iter()}
    assert tags <= {"svg", "title", "style", "g", "path", "rect", "text"}
    assert picture.encode()
    assert "://" not in picture.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r'url\(|href|\bid="|\bon\w+=', picture)
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e]", picture)


@pytest.mark.parametrize("name", PICTURES)
def test_every_label_lies_within_its_box_and_every_box_within_the_frame(name: str) -> None:
    root = ET.fromstring(PICTURES[name]())
    width, height = float(root.attrib["width"]), float(root.attrib["height"])

    for text in root.iter(f"{SVG}text"):
        right = float(text.attrib["x"]) + text_width(text.text or "", float(text.attrib["font-size"]))
        assert right <= width and 0 < float(text.attrib["y"]) <= height
    for group in root.iter(f"{SVG}g"):
        box = group.find(f"{SVG}rect")
        if box is None:
            continue
        left, top = float(box.attrib["x"]), float(box.attrib["y"])
        assert left >= 0 and left + BOX_WIDTH <= width
        assert top + float(box.attrib["height"]) <= height
        for text in group.iter(f"{SVG}text"):
            size = float(text.attrib["font-size"])
            assert float(text.attrib["x"]) + text_width(text.text or "", size) <= left + BOX_WIDTH
            assert top <= float(text.attrib["y"]) - size * 0.8
            assert float(text.attrib["y"]) <= top + float(box.attrib["height"])


def test_boxes_of_a_column_do_not_overlap() -> None:
    root = ET.fromstring(PICTURES["forty labels"]())
    columns: dict[float, list[tuple[float, float]]] = {}
    for box in root.iter(f"{SVG}rect"):
        if float(box.attrib["width"]) == BOX_WIDTH:
            spans = columns.setdefault(float(box.attrib["x"]), [])
            spans.append((float(box.attrib["y"]), float(box.attrib["height"])))

    assert [len(spans) for spans in columns.values()] == [8, 8, 1]
    for spans in columns.values():
        spans.sort()
        assert all(top + height < below for (top, height), (below, _) in itertools.pairwise(spans))


def test_a_way_tells_its_figures_and_the_legend_only_what_is_shown() -> None:
    picture = PICTURES["usual"]()

    said = [text.text or "" for text in ET.fromstring(picture).iter(f"{SVG}text")]
    told = [text.text or "" for text in ET.fromstring(picture).iter(f"{SVG}title")]
    assert "trap/pump" in said
    assert any(text.startswith("solved less often than the usual") for text in said)
    assert "hardly any outcome known" not in said
    assert any(re.fullmatch(r".+ → trap/pump: \d+ sessions, \d+% solved", text) for text in told)


def test_a_label_too_long_for_its_box_is_told_whole_in_its_title() -> None:
    root = ET.fromstring(PICTURES["long"]())

    titles = [text.text or "" for text in root.iter(f"{SVG}title")]
    assert any(title.startswith(f"{LONG}: 40 sessions") for title in titles)
    assert any((text.text or "").endswith("…") for text in root.iter(f"{SVG}text"))


@pytest.mark.parametrize(
    "text", ["ask/oil pressure", LONG, "W" * 100, "油圧" * 40, "e\u0301" * 200, "a b " * 50]
)
def test_broken_lines_fit_and_lose_no_letter_before_the_last(text: str) -> None:
    lines = wrapped(text, 12, 150, 3)

    assert 1 <= len(lines) <= 3
    assert all(text_width(line, 12) <= 150 for line in lines)
    assert not any(unicodedata.combining(line[0]) for line in lines)
    joined, whole = "".join(lines).replace(" ", "").rstrip("…"), text.replace(" ", "")
    assert whole.startswith(joined)


# --- the page and the terminal ----------------------------------------------------------------------------


def report() -> FlowReport:
    return analyse(simulated(3, trap=0.2, quick=True), "pumps")


def test_the_page_says_first_what_to_do() -> None:
    page = flow_report_markdown(report())

    first, second = re.findall(r"^[12]\. .*$", page, re.MULTILINE)
    assert first.startswith("1. Look at what users get after `trap/pump`:")
    assert second.startswith("2. After `ask0/pump` lead users to `quick/pump`: 2 steps")
    assert "![The most frequent ways of sessions, from left to right](flows.svg)" in page
    assert "## How to read this" in page


def test_every_table_of_the_page_has_as_many_cells_in_each_row() -> None:
    page = flow_report_markdown(report())

    tables = re.findall(r"(?:^\|.*\|\n)+", page, re.MULTILINE)
    assert len(tables) >= 3
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_a_hostile_label_breaks_neither_page_nor_terminal() -> None:
    sessions = make_sessions(
        crowd(["ask", "|`<script>`\n# x\x1b[2J"], [UNSOLVED] * 40)
        + crowd(["ask", "b"], [SOLVED] * 200, first=99)
    )
    found = analyse(sessions, "pumps")

    page, text = flow_report_markdown(found), flow_report_text(found)

    assert len(found.dead_ends) == 1
    assert "<script>" not in page and "\n# x" not in page and "\x1b" not in page
    assert "\x1b" not in text
    for table in re.findall(r"(?:^\|.*\|\n)+", page, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_the_terminal_shows_the_figures_and_the_surest_findings() -> None:
    text = flow_report_text(report())

    assert text.startswith("Flows of pumps, 2026-03-02 to 2026-07-")
    assert "1. Look at what users get after `trap/pump`:" in text
    assert "Dead ends" in text and "Ways to a solution" in text
    assert max(map(len, text.splitlines())) <= 120


def test_where_nothing_stands_out_it_says_so() -> None:
    found = analyse(simulated(1), "pumps")

    assert to_do(found) == []
    assert "No finding calls for action" in flow_report_markdown(found)
    assert "No finding calls for action" in flow_report_text(found)
