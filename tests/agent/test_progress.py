"""What stderr shows of long work."""

from io import StringIO

import pytest

from agent.views.progress import progress


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the same terminal wherever the tests run; rich looks it up itself."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Terminal(StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_log_gets_a_line_every_five_seconds_and_one_at_the_end_of_a_stage() -> None:
    out, clock = StringIO(), Clock()

    with progress(True, stream=out, clock=clock) as tell:
        for done in range(0, 1001, 100):
            tell("classify", done, 1000, "turns")
            clock.now_s += 1
        tell("patterns", 2, 2)

    assert out.getvalue().splitlines() == [
        "classify 500/1,000 · 100.0/s, 5 s left · turns",
        "classify 1,000/1,000 · 100.0/s · turns",
        "patterns 2/2",
    ]


def test_nothing_is_said_when_it_is_not_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(False) as tell:
        tell("classify", 1, 1, "turns")

    assert capsys.readouterr() == ("", "")


def test_lines_go_to_stderr_when_no_stream_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(True) as tell:
        tell("classify", 1, 1, "turns")

    assert capsys.readouterr() == ("", "classify 1/1 · turns\n")


def test_a_terminal_gets_a_bar_with_stage_count_and_note() -> None:
    out = Terminal()

    with progress(True, stream=out) as tell:
        tell("classify", 3, 7, "turns [oil]")

    assert "classify" in out.getvalue()
    assert "3/7" in out.getvalue()
    assert "turns [oil]" in out.getvalue()


def test_a_terminal_stays_clean_where_no_work_was_long() -> None:
    out = Terminal()

    with progress(True, stream=out):
        pass

    assert "\x1b" not in out.getvalue()


def test_the_bar_gives_the_cursor_back_when_work_breaks_off() -> None:
    out = Terminal()

    def break_off() -> None:
        with progress(True, stream=out) as tell:
            tell("classify", 3, 7)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()

    assert out.getvalue().rindex("\x1b[?25h") > out.getvalue().rindex("\x1b[?25l")
