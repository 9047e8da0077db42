"""The one place that turns errors into words and exit statuses."""

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import typer

from agent.cli.output import ReaderGone, talk, write_json
from memory.errors import AgentError, ErrorKind

USAGE = 2
RETRY = 3
BUG = 70
INTERRUPTED = 130
BROKEN_PIPE = 141
"""128 and the signal, as a shell would report it."""


class UsageWrong(AgentError):
    """The command line has an option, argument or command that is not there, or lacks one."""

    code = "agent.usage"


class Unexpected(AgentError):
    """A bug: something failed that nobody had foreseen."""

    code = "agent.unexpected"
    kind = "internal"


def guarded(command: Callable[[], object], words: Sequence[str]) -> int:
    """Run `command` and return the exit status; every failure has been told by then.

    `words` are the arguments: with `--json` among them an error is printed as JSON on stdout too.
    """
    try:
        return _run(command, words)
    except (ReaderGone, BrokenPipeError):
        return _leave_pipe()
    except (KeyboardInterrupt, typer.Abort):  # Abort: the input ended at a prompt
        return INTERRUPTED


def _run(command: Callable[[], object], words: Sequence[str]) -> int:
    try:
        result = command()
        sys.stdout.flush()
    except (ReaderGone, BrokenPipeError, typer.Abort):
        raise
    except typer.TyperException as error:
        return _usage(error, words)
    except AgentError as error:
        return report(error, as_json="--json" in words)
    except Exception as error:  # noqa: BLE001 - the last line: a user gets words, never a stack
        return _bug(error, words)
    return result if isinstance(result, int) else 0


def report(error: AgentError, *, as_json: bool) -> int:
    """Tell an error in two lines on stderr (and as JSON on stdout) and return its exit status."""
    message, fix = (" ".join(text.split()) for text in (str(error), error.fix))
    talk(f"error[{error.code}]: {message}")
    talk(f"  fix: {fix}")
    if as_json:
        write_json({"error": {"code": error.code, "message": message, "fix": fix}})
    return exit_status(error.kind)


def exit_status(kind: ErrorKind) -> int:
    """Return the exit status of a kind of error."""
    return {"unavailable": RETRY, "internal": BUG}.get(kind, USAGE)


def _usage(error: typer.TyperException, words: Sequence[str]) -> int:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "slipstream"
    if type(error).__name__ == "NoArgsIsHelpError":
        talk(error.format_message())
        return USAGE
    text = error.format_message().replace("'", "`").rstrip(".")
    message, _, near = text.partition(" Did you mean ")
    if options := getattr(error, "possibilities", None):
        near = f"`{options[0]}`?"
    if option := getattr(error, "option_name", None):
        message = message.partition(" (Possible")[0].replace(f": {option}", f" `{option}`")
    hint = f"Did you mean {near} " if near else ""
    wrong = UsageWrong(f"{message.rstrip('.')}.", fix=f"{hint}`{path} --help` shows what there is.")
    return report(wrong, as_json="--json" in words)


def _bug(error: Exception, words: Sequence[str]) -> int:
    from agent.settings import load_settings

    try:
        debug = load_settings().debug_mode
    except AgentError:
        debug = False
    if debug:
        talk("".join(traceback.format_exception(error)).rstrip())
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}:{last.lineno}"
    bug = Unexpected(
        f"`{type(error).__name__}` at {where}: {str(error)[:200] or 'no more is known'}.",
        fix="Run it again with DEBUG_MODE=1 for the traceback, and report both.",
    )
    return report(bug, as_json="--json" in words)


def _leave_pipe() -> int:
    """Nobody reads on: let the interpreter flush into nothing instead of complaining."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE
