"""Files that commands write for people."""

from pathlib import Path

from memory.errors import AgentError


class FileUnwritable(AgentError):
    """A file that was asked for cannot be written."""

    code = "agent.file_unwritable"

    def __init__(self, file: Path, reason: str) -> None:
        super().__init__(
            f"Could not write `{file}`: {reason}.", fix="Name a file in a folder that is there and writable."
        )


def write_file(file: Path, text: str) -> None:
    """Write all of `text`, or leave what is there as it is.

    Raises:
        FileUnwritable: the folder is missing, full or read-only.
    """
    beside = file.with_name(f".{file.name}.new")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(file)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise FileUnwritable(file, error.strerror or type(error).__name__) from None
