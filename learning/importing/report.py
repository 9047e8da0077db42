"""What an import found, and what it left out."""

from memory.records import Record


class Refusal(Record):
    """A row that was left out, and why."""

    where: str
    """`file:line`."""

    field: str
    problem: str
    fix: str

    @property
    def text(self) -> str:
        """Say what is wrong, with the field where it is one."""
        return f"`{self.field}`: {self.problem}" if self.field else self.problem


class ImportReport(Record):
    """What logs held (counts)."""

    files: int
    formats: dict[str, int] = {}
    """Files of each format."""

    rows: int = 0
    sessions: int = 0
    turns: int = 0
    users: int = 0
    outcomes: int = 0
    """Sessions of which is known how they ended."""

    labels: int = 0
    """Turns whose intent the log names; `learn` names the others."""

    repeated: int = 0
    """Sessions left out because one of the same id came before."""

    wordless: int = 0
    """Turns left out because nobody's words are in them."""

    refused: int = 0
    refusals: list[Refusal] = []
    """The first of them."""

    first: float | None = None
    """Unix time at which the first session starts (seconds)."""

    last: float | None = None
