"""`slipstream guidance` and the "why?" of `trace show`, on a lake in which a pattern does harm."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import chdir
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from memory.parquet import open_lake
from memory.records import Guidance, SessionEvent, Suggestion
from tests.agent.test_cli_turns import Done, Slipstream, call
from tests.learning.logs import ALARM, over, turn_event

SVG = '<svg xmlns="http://www.w3.org/2000/svg"'


def sessions(first: int, count: int, shown: str = "p-harm") -> list[SessionEvent]:
    """Sessions of 12 users; where the pattern is shown, most fail."""
    rng = Random(first)
    events: list[SessionEvent] = []
    for number in range(first, first + count):
        session, at_s, user = f"s-{number:04}", number * 3600.0, f"user-{number % 12}"
        is_guided = rng.random() < 0.5
        made = [
            Suggestion(label="repair", confidence=0.5, pattern_id=shown, support=9, why="alarm > diagnose")
        ]
        for place, label in enumerate(ALARM, start=1):
            events.append(
                turn_event(
                    session,
                    place,
                    label,
                    at_s=at_s + place,
                    user=user,
                    guidance=Guidance(
                        suggestions=made if is_guided else [], arm="guided" if is_guided else "holdout"
                    ),
                    withheld=[] if is_guided else made,
                    holdout_share=0.5,
                    request_id=f"r-{number}-{place}",
                )
            )
        solved = rng.random() < (0.1 if is_guided else 0.9)
        events.append(over(session, "solved" if solved else "unsolved", at_s=at_s + 60))
    return events


def write(events: list[SessionEvent]) -> None:
    """Put events into the lake as old ones, so that none lies in the future."""
    past = [one.model_copy(update={"at": one.at - timedelta(days=400)}) for one in events]
    asyncio.run(open_lake(Path(".slipstream/lake")).write(past))


@pytest.fixture(scope="module")
def slipstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slipstream]:
    """Run commands in a folder in which was learned twice."""
    with chdir(tmp_path_factory.mktemp("guidance")):
        Path("slipstream.toml").write_text(
            'domain = "pumps"\ndomains_dir = "mine"\ntenant = "acme"\nholdout_share = 0\n'
        )
        assert call("domain", "new", "pumps").status == 0
        write(sessions(0, 240))
        assert call("learn").status == 0
        write(sessions(240, 20))
        assert call("learn").status == 0
        yield call


def out(done: Done) -> dict[str, object]:
    assert (done.status, done.err) == (0, "")
    found: dict[str, object] = json.loads(done.out)
    return found


def first_pattern(slipstream: Slipstream) -> dict[str, object]:
    patterns = out(slipstream("guidance", "list", "--json"))["patterns"]
    assert isinstance(patterns, list)
    chosen: dict[str, object] = patterns[0]
    return chosen


def test_a_pattern_is_shown_with_the_sessions_that_answer_for_it(slipstream: Slipstream) -> None:
    pattern_id = str(first_pattern(slipstream)["pattern_id"])
    found = out(slipstream("guidance", "show", pattern_id, "--json"))
    shown = slipstream("guidance", "show", pattern_id)

    assert found["sessions"] == ["s-0259", "s-0258", "s-0257", "s-0256", "s-0255"]
    assert found["counts"] == {"sessions": "250 to 499", "users": "10 to 24"}
    assert "s-0259, s-0258" in shown.out
    assert "250 to 499" in shown.out


def test_what_follows_a_flow_is_a_tree_and_a_picture(slipstream: Slipstream) -> None:
    done = slipstream("guidance", "flow", "alarm", "--svg", "flow.svg")

    assert done.status == 0
    assert "└─ diagnose  (100%" in done.out
    assert Path("flow.svg").read_text().startswith(SVG)
    assert "no pattern goes on" in slipstream("guidance", "flow", "never").out


def test_the_flow_of_a_pattern_is_that_of_its_steps(slipstream: Slipstream) -> None:
    pattern = first_pattern(slipstream)
    found = out(slipstream("guidance", "flow", str(pattern["pattern_id"]), "--json"))["flow"]

    assert isinstance(found, dict)
    steps = pattern["sequence"]
    assert isinstance(steps, list)
    assert found["start"] == [one["intent"] for one in steps]


def test_two_releases_are_compared_and_the_older_one_can_be_gone_back_to(slipstream: Slipstream) -> None:
    found = out(slipstream("guidance", "diff", "--json"))
    told = slipstream("guidance", "diff").out
    back = out(slipstream("guidance", "rollback", "--json"))
    first = slipstream("guidance", "rollback")
    forward = out(slipstream("guidance", "rollback", str(back["before"]), "--json"))

    before, after = found["before"], found["after"]
    assert isinstance(before, dict) and isinstance(after, dict)
    assert (before["sessions"], after["sessions"]) == (240, 260)
    assert f"{before['release_id']} → {after['release_id']}" in told
    assert "+20 sessions" in told
    assert (back["before"], back["live"]) == (after["release_id"], before["release_id"])
    assert (first.status, "is the first of domain" in first.err) == (2, True)
    assert forward["live"] == after["release_id"]


def test_the_report_tells_harm_draws_it_and_promote_puts_the_pattern_back(slipstream: Slipstream) -> None:
    told = slipstream("guidance", "report", "--svg", "effect.svg")
    found = out(slipstream("guidance", "report", "--json"))
    back = slipstream("guidance", "promote", "p-ha")
    again = slipstream("guidance", "promote", "p-harm")
    after = out(slipstream("guidance", "report", "--json"))

    assert told.status == 0
    assert "guidance in pumps: it does harm" in told.out
    assert "out of service: p-harm (repair)" in told.out
    assert "p-harm" in Path("effect.svg").read_text()
    assert isinstance(found["decisions"], dict) and isinstance(after["decisions"], dict)
    assert list(found["decisions"]["demoted"]) == ["p-harm"]
    assert back.out == "p-harm is shown again; only sessions from now on count against it\n"
    assert (again.status, "No patterns out of service" in again.err) == (2, True)
    assert (after["decisions"]["demoted"], list(after["decisions"]["promoted"])) == ({}, ["p-harm"])


def test_a_trace_answers_why_down_to_sessions(slipstream: Slipstream) -> None:
    turns = out(slipstream("trace", "list", "-n", "60", "--json"))["traces"]
    assert isinstance(turns, list)
    guided = next(one for one in turns if one["guidance"]["suggestions"])
    withheld = next(one for one in turns if one["withheld"])
    found = out(slipstream("trace", "show", guided["request_id"], "--json"))
    told = slipstream("trace", "show", guided["request_id"]).out
    silent = slipstream("trace", "show", withheld["request_id"]).out

    newest = ["s-0259", "s-0258", "s-0257", "s-0256", "s-0255"]
    assert found["seen_in"] == {"p-harm": newest}
    assert "Why these suggestions" in told
    assert "p-harm · after alarm > diagnose · 9 sessions" in told
    assert f"seen in {', '.join(newest)}" in told
    assert "Why these suggestions" not in silent


@pytest.mark.parametrize("command", ["list", "show", "flow", "diff", "promote", "rollback", "report"])
def test_every_command_shows_an_example(command: str) -> None:
    done = call("guidance", command, "--help")

    assert done.status == 0
    assert f"Example: slipstream guidance {command}" in done.out


def test_an_unknown_release_or_pattern_is_told_with_what_there_is(slipstream: Slipstream) -> None:
    release = slipstream("guidance", "diff", "r-none")
    pattern = slipstream("guidance", "show", "p-none")

    assert (release.status, pattern.status) == (2, 2)
    assert "Name one of them: r-" in release.err
    assert "p-none" in pattern.err
