"""The lab: the whole program from a notebook."""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.lab import Lab, LabClosed, QuestionUnusable
from agent.settings import SettingsInvalid
from agent.views.run import NodeRunUnknown
from domains.loader import DomainUnknown, find_domain, load_domain, load_sample_flows
from learning.flows import NoSessionsThen
from learning.pipeline import NothingToLearn
from learning.recorded import sample_sessions

START = datetime(2026, 1, 5, tzinfo=UTC)
OIL = "SMT60 trips on low lube oil pressure, what should I check first?"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab("solaris", state_dir=tmp_path_factory.mktemp("lab"), holdout_share=0.0) as opened:
        yield opened


@pytest.fixture
def fresh(lab: Lab, tmp_path: Path) -> Path:
    """Return a state folder without sessions, but with the indexes that take long to build."""
    for name in ("cache", "knowledge"):
        shutil.copytree(lab.settings.state_dir / name, tmp_path / name)
    return tmp_path


def test_a_run_holds_the_reply_and_what_happened(lab: Lab) -> None:
    run = lab.run(OIL)

    assert run.reply.kind == "answer" and run.reply.citations
    assert run.trace.is_complete and run.trace.query == OIL
    assert run.trace.path[0] == "input_guard"
    assert run["retriever"].changed["passages"]
    assert run["generator", 1].diff[0].field == "draft"


def test_a_node_run_that_was_not_is_named_with_those_that_were(lab: Lab) -> None:
    run = lab.run(OIL)

    with pytest.raises(NodeRunUnknown, match="Run 9 of node `judge`") as caught:
        run["judge", 9]

    assert "input_guard, query_analyzer" in caught.value.fix


def test_a_session_goes_on_when_it_is_named(lab: Lab) -> None:
    first = lab.run(OIL)
    second = lab.run("How do I replace the oil filter?", session=first.session)
    other = lab.run(OIL)

    assert (first.reply.turn, second.reply.turn, other.reply.turn) == (1, 2, 1)
    assert second.session == first.session != other.session


def test_the_last_turns_come_newest_first(lab: Lab) -> None:
    run = lab.run(OIL)
    later = lab.run("How do I replace the oil filter?")

    found = lab.traces(limit=2)

    assert [trace.request_id for trace in found] == [later.reply.request_id, run.reply.request_id]


def test_what_was_asked_can_be_learned_from(fresh: Path) -> None:
    with Lab("solaris", state_dir=fresh, holdout_share=0.0) as lab:
        with pytest.raises(NothingToLearn) as caught:
            lab.learn()
        assert lab.patterns() == []
        session = lab.run(OIL).session
        lab.run("How do I replace the oil filter?", session=session)

        report = lab.learn()

        assert (report.sessions, report.steps, report.is_new) == (1, 2, True)
        assert lab.run(OIL).reply.release == report.release_id
    assert caught.value.__notes__ == [f"fix: {caught.value.fix}"]


def test_a_recorded_log_is_learned_from_and_guides_the_next_question(lab: Lab) -> None:
    flow = load_sample_flows(load_domain(find_domain("solaris")))[0]
    sessions = list(sample_sessions([flow], count=60, users=20, seed=7, start=START))

    replayed = (lab.replay(sessions, sample=True), lab.replay(sessions, sample=True))
    lab.learn()
    run = lab.run(flow.steps[2].asks[0], flow=[step.step for step in flow.steps[:2]])
    unknown = run.trace.followed
    lab.run(flow.steps[3].asks[0], session=run.session)

    assert replayed == (60, 60)
    assert len(lab.patterns(limit=5)) == 5
    assert flow.steps[3].step in [one.label for one in run.reply.guidance.suggestions]
    assert (unknown, run.trace.followed) == (None, True)


def test_what_was_learned_can_be_asked_and_drawn(lab: Lab) -> None:
    flows = load_sample_flows(load_domain(find_domain("solaris")))
    *past, last = sample_sessions(flows, count=300, users=30, seed=7, start=START)
    lab.replay(past, sample=True)
    lab.learn()

    found = lab.suggest(last.labels[:2])
    own = lab.suggest(last.labels[:2], user="operator-001", k=1)

    assert len(found.suggestions) == 3 and found.suggestions[0].pattern_id
    assert len(own.suggestions) == 1
    assert flows[0].steps[0].step.split("/")[1] in lab.flow().svg
    assert f"{3 * (len(last.labels) - 1)} suggestions" in lab.calibration([last.labels]).svg
    report = lab.flow_report(since=START)
    assert (report.domain, report.known >= 299) == ("solaris", True)
    with pytest.raises(NoSessionsThen, match="ended before `2026-01-05`"):
        lab.flow_report(until=START)


def test_logs_that_people_have_are_imported_named_and_learned_from(fresh: Path, tmp_path: Path) -> None:
    texts = ["Which alarms are active?", OIL, "How do I change the oil filter?"]
    rows = [{"session_id": f"s{n}", "user_id": f"u{n % 9}", "texts": texts} for n in range(40)]
    log = tmp_path / "log.jsonl"
    log.write_text("\n".join(map(json.dumps, rows)))

    with Lab("solaris", state_dir=fresh) as lab:
        report = lab.import_logs(log, sample=True)
        learned = lab.learn()

    assert (report.sessions, report.turns, report.labels, report.users) == (40, 120, 0, 9)
    assert (learned.sessions, learned.steps, learned.classified) == (40, 120, 120)


def test_it_works_where_a_loop_is_running_already(lab: Lab) -> None:
    async def cell() -> str:
        return lab.run(OIL).reply.kind

    assert asyncio.run(cell()) == "answer"


def test_a_notebook_shows_a_run_as_page_and_as_text(lab: Lab) -> None:
    run = lab.run(OIL)

    shown = run._repr_mimebundle_()

    assert run.reply.reply.split()[0] in shown["text/plain"]
    assert "query_analyzer" in shown["text/plain"]
    assert "<svg" in shown["text/html"] and "<script" not in shown["text/html"]
    assert run.graph._repr_html_().startswith("<svg")
    assert "Guidance" in run.guidance._repr_html_() or "Likely next steps" in run.guidance._repr_html_()


def test_every_repr_is_one_line(lab: Lab) -> None:
    run = lab.run(OIL)

    assert repr(run).startswith("Run(turn 1, answer, ")
    assert repr(lab).startswith("Lab('solaris', state_dir=")
    assert "\n" not in repr(run) + repr(lab) + repr(run.graph)


@pytest.mark.parametrize("question", ["", "x" * 8001])
def test_a_question_that_cannot_be_used_says_why(lab: Lab, question: str) -> None:
    with pytest.raises(QuestionUnusable, match="The query cannot be used"):
        lab.run(question)


def test_a_closed_lab_says_so_and_can_be_closed_again(lab: Lab) -> None:
    other = Lab("solaris", state_dir=lab.settings.state_dir)
    other.close()
    other.close()

    with pytest.raises(LabClosed):
        other.run(OIL)
    assert repr(other) == "Lab('solaris', closed)"


def test_an_unknown_domain_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(DomainUnknown, match="`atlantis`"):
        Lab("atlantis", state_dir=tmp_path)


def test_a_misspelt_setting_is_refused() -> None:
    with pytest.raises(SettingsInvalid, match="state_folder"):
        Lab("solaris", state_folder="x")


def test_a_script_that_forgets_to_close_ends_all_the_same(fresh: Path) -> None:
    script = (
        "import sys; from agent.lab import Lab; print(Lab(state_dir=sys.argv[1]).run('hello').reply.turn)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script, str(fresh)], capture_output=True, text=True, timeout=120
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
