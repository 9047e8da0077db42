"""Reads logs of any known format into a spool, row by row, and says what it found."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

from learning.importing import langfuse, langsmith, otel, shared
from learning.importing.files import Broken, Value, find_files, read_values
from learning.importing.fragment import Fragment, RowRefused
from learning.importing.report import ImportReport, Refusal
from learning.importing.session import ImportedSession, clean
from learning.importing.spool import Figures, Spool, Wordless
from learning.progress import Progress
from memory.errors import AgentError
from memory.redact import redact, user_key

Format = Literal["sessions", "otel", "langfuse", "langsmith"]

ID_CHARACTERS = 256
"""Longest session id that is kept as it is."""

SNIFFED = 50
"""Rows of a file that are looked at to tell its format."""

NAMED = 5
"""Refused rows that are told with their reason; the rest are counted."""

PROGRESS_EVERY = 256
"""Rows between two reports of progress."""

Row = Mapping[str, Any]
ReadFragments = Callable[[Row, Collection[str]], Iterator[Fragment]]


class FormatKind(NamedTuple):
    """How a format is told from others, and what it should look like."""

    fits: Callable[[Row], bool]
    expected: str
    fragments: ReadFragments | None
    """`None` for the shared form, whose rows are whole sessions."""


FORMATS: dict[Format, FormatKind] = {
    "otel": FormatKind(otel.fits, otel.EXPECTED, otel.fragments),
    "sessions": FormatKind(shared.fits, shared.EXPECTED, None),
    "langsmith": FormatKind(langsmith.fits, langsmith.EXPECTED, langsmith.fragments),
    "langfuse": FormatKind(langfuse.fits, langfuse.EXPECTED, langfuse.fragments),
}
"""In the order in which they are tried."""


class NothingImported(AgentError):
    """No file held a session that can be learned from."""

    code = "learning.nothing_imported"

    def __init__(self, refusals: Sequence[Refusal], read: int) -> None:
        first = f"; {refusals[0].where}: {refusals[0].text}" if refusals else ""
        super().__init__(
            f"None of {read:,} rows holds a session{first}.",
            fix=refusals[0].fix if refusals else f"Give {FORMATS['sessions'].expected}.",
        )


class Reader:
    """Takes files into a spool; everything is cleaned on the way."""

    def __init__(
        self,
        spool: Spool,
        *,
        tenant: str,
        log_format: Format | None,
        scores: Collection[str],
    ) -> None:
        self._spool = spool
        self._tenant = tenant
        self._format = log_format
        self._scores = scores
        self._user_key = lru_cache(maxsize=65_536)(lambda user: user_key(tenant, user))
        self._formats: dict[str, int] = {}
        self._refusals: list[Refusal] = []
        self.rows = self._refused = self._repeated = self._wordless = 0

    def read(self, path: Path, on_rows: Callable[[int], None]) -> None:
        """Take a file; `on_rows` hears of the bytes that were read.

        Raises:
            LogUnreadable: it cannot be opened.
        """
        read_bytes = 0

        def note(count: int) -> None:
            nonlocal read_bytes
            read_bytes = count

        values = read_values(path, note)
        head = list(islice(values, SNIFFED))
        format_ = self._format or _sniff([value.data for value in head if isinstance(value, Value)])
        if format_ is None:
            self._refuse(f"{path}:{head[0].line if head else 1}", _unknown(head))
            return
        self._formats[format_] = self._formats.get(format_, 0) + 1
        for value in chain(head, values):
            self.rows += 1
            self._take(value, FORMATS[format_], path)
            if self.rows % PROGRESS_EVERY == 0:
                on_rows(read_bytes)

    def _take(self, value: Value | Broken, kind: FormatKind, path: Path) -> None:
        where = f"{path}:{value.line}"
        if isinstance(value, Broken):
            self._refuse(where, RowRefused("", value.problem, "Mend or remove it, and import again."))
        elif not isinstance(value.data, Mapping):
            self._refuse(where, RowRefused("", "it is no object", f"Give {kind.expected}."))
        else:
            try:
                self._keep(value.data, kind, where)
            except RowRefused as refused:
                self._refuse(where, refused)

    def _keep(self, row: Row, kind: FormatKind, where: str) -> None:
        if kind.fragments is None:
            session = self._clean_session(shared.read_session(row))
            self._repeated += not self._spool.add_session(session)
            return
        for fragment in list(kind.fragments(row, self._scores)):  # all of a row, or nothing of it
            self._spool.add_fragment(self._clean_fragment(fragment), where)

    def _refuse(self, where: str, why: RowRefused) -> None:
        self._refused += 1
        if len(self._refusals) < NAMED:
            problem = redact(why.problem)
            self._refusals.append(Refusal(where=where, field=why.field, problem=problem, fix=why.fix))

    def finish(self, files: int) -> ImportReport:
        """Put together what belongs together and say what was found.

        Raises:
            NothingImported: there is no session.
        """
        self._spool.assemble(self._pass_over, self._user_key)
        found: Figures = self._spool.figures()
        if not found.sessions:
            raise NothingImported(self._refusals, self.rows)
        return ImportReport(
            files=files,
            formats=self._formats,
            rows=self.rows,
            sessions=found.sessions,
            turns=found.turns,
            users=found.users,
            outcomes=found.outcomes,
            labels=found.labelled,
            repeated=self._repeated,
            wordless=self._wordless,
            refused=self._refused,
            refusals=self._refusals,
            first=found.first,
            last=found.last,
        )

    def _pass_over(self, wordless: Wordless) -> None:
        self._wordless += 1
        if len(self._refusals) < NAMED and self._wordless == 1:
            self._refusals.append(
                Refusal(
                    where=wordless.place,
                    field="input",
                    problem="no words of the user are in this turn",
                    fix="Switch on that messages are recorded, or export inputs too.",
                )
            )

    # --- nothing personal and no secret gets further than this ---------------------------------------

    def _clean_session(self, session: ImportedSession) -> ImportedSession:
        return ImportedSession(
            clean_id(self._tenant, session.session_id),
            self._user_key(session.user or session.session_id),
            [
                turn._replace(query=clean(turn.query), label=clean_label(turn.label))
                if turn.query or turn.label
                else turn
                for turn in session.turns
            ],
            session.outcome,
        )

    def _clean_fragment(self, fragment: Fragment) -> Fragment:
        return fragment._replace(
            turn=clean_id(self._tenant, fragment.turn),
            session=clean_id(self._tenant, fragment.session) if fragment.session else None,
            user=self._user_key(fragment.user) if fragment.user else None,
            query=clean(fragment.query) if fragment.query else None,
            response=clean(fragment.response) if fragment.response else None,
            label=clean_label(fragment.label),
        )


def read_logs(
    paths: Sequence[Path],
    spool: Spool,
    *,
    tenant: str,
    log_format: Format | None = None,
    scores: Collection[str] = (),
    on_progress: Progress,
) -> ImportReport:
    """Read files and folders of logs into `spool`; the format is told by content unless named.

    `scores` are names of scores that tell how a session ended, besides the usual ones. Rows that cannot be
    used are left out and reported.

    Raises:
        LogUnreadable: a path is not there or cannot be opened.
        NothingImported: no session was found.
        StorageFailed: the temporary folder is full.
    """
    files = find_files(paths)
    sizes = [path.stat().st_size for path in files]
    total, before = max(1, sum(sizes) // 1000), 0
    reader = Reader(spool, tenant=tenant, log_format=log_format, scores=scores)

    def tell(count: int) -> None:
        # bytes run ahead of the rows in them, and what is not yet sorted is not yet read
        on_progress("read", min(total - 1, (before + count) // 1000), total, f"kB, {reader.rows:,} rows")

    for path, size in zip(files, sizes, strict=True):
        reader.read(path, tell)
        before += size
    report = reader.finish(len(files))
    on_progress("read", total, total, f"kB, {report.rows:,} rows, {report.turns:,} turns")
    return report


@lru_cache(maxsize=65_536)
def clean_id(tenant: str, text: str) -> str:
    """Return an id as it is, or a digest of it when it is too long or holds what must not be stored."""
    if len(text) <= ID_CHARACTERS and clean(text) == text:
        return text
    return f"id-{sha256(f'{tenant}:{text}'.encode(errors='surrogatepass')).hexdigest()[:32]}"


@lru_cache(maxsize=65_536)
def clean_label(label: str | None) -> str | None:
    """Return a label without secrets and personal data; labels come again and again."""
    return clean(label) if label else None


def _sniff(rows: Sequence[object]) -> Format | None:
    """Return the format of the first row that any format knows."""
    for row in rows:
        if isinstance(row, Mapping):
            for name, kind in FORMATS.items():
                if kind.fits(row):
                    return name
    return None


def _unknown(head: Sequence[Value | Broken]) -> RowRefused:
    """Say what was found instead of a known format."""
    kinds = "; ".join(f"{name}: {kind.expected}" for name, kind in FORMATS.items())
    row = next((value.data for value in head if isinstance(value, Value)), None)
    if not head:
        problem = "it is empty"
    elif isinstance(row, Mapping):
        problem = "no known format has rows with " + ", ".join(
            f"`{str(name)[:40]}`" for name in islice(row, 6)
        )
    else:
        problem = "it holds no JSON objects"
    return RowRefused("", problem, f"Give one of {kinds}.")
