"""Cuts the service models into passages that an answer can cite."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain

from domains.support.plain import first_sentence, sentences, words
from domains.support.service_models import (
    Operation,
    Parameter,
    ServiceError,
    load_model,
    read_operation,
    read_overview,
    some,
)
from domains.support.services import SERVICES, Service
from memory.records import Passage

MOST_WORDS = 130
"""Longest passage (words): with its title it stays below the 256 tokens that an embedder reads."""

FEWEST_WORDS = 30
"""A shorter rest is put to the passage before it."""

FEWEST_REPEATED_WORDS = 25
"""A paragraph this long is said once in a service; a hundred copies would crowd out all else."""

FEWEST_WORDS_ALONE = 6
"""A text below this says nothing; such is the overview of a service that only repeats its name."""

PARAMETER = re.compile(r"(\w+) \((?:required|optional)")

SAME_PARAMETER = 0.6
"""Share of words in common from which two descriptions of a parameter, in one service, say the same."""

COMMON_SHARE = 0.4
"""Errors that this share of a service's operations raise are named there, not explained again."""


def service_model_passages(services: Sequence[Service] = SERVICES) -> Iterator[Passage]:
    """Yield every passage, service by service, always in the same order.

    Raises:
        ServiceModelMissing: botocore is not installed.
    """
    for service in services:
        model = load_model(service.folder)
        operations = [
            read_operation(model, name)
            for name, spec in model["operations"].items()
            if service.covers(name) and not spec.get("deprecated")
        ]
        yield from _cut(service.name, f"botocore:{service.folder}", read_overview(model))
        yield from _operations(service, operations)
        yield from _errors(service, operations)


def _operations(service: Service, operations: Sequence[Operation]) -> Iterator[Passage]:
    raised = Counter(error.name for operation in operations for error in operation.errors)
    common = {name for name, count in raised.items() if count > COMMON_SHARE * len(operations)}
    said = Said()
    for operation in operations:
        title = _title(service.name, operation.name)
        source = f"botocore:{service.folder}#{operation.name}"
        about = _named(operation.name, said.fresh(operation.about)) or [
            f"{operation.name} is an operation of {service.name}."
        ]
        parts = [
            ("", about),
            ("parameters", [parameter_text(parameter, said) for parameter in operation.parameters]),
            ("errors", [*error_lines(operation.errors, common)]),
        ]
        for part, blocks in _joined(parts):
            yield from _cut(_title(title, part), source, blocks)


def _named(name: str, about: list[str]) -> list[str]:
    """Put the operation's name before what it does, so that the sentence says it where it is quoted."""
    if not about or name in first_sentence(about[0]) or about[0].startswith("- "):
        return about
    return [f"{name}: {about[0]}", *about[1:]]


def _errors(service: Service, operations: Sequence[Operation]) -> Iterator[Passage]:
    """Yield what each error means and who raises it, in the order in which they first occur."""
    raisers: dict[str, list[str]] = {}
    errors: dict[str, ServiceError] = {}
    for operation in operations:
        for error in operation.errors:
            errors[error.name] = error
            raisers.setdefault(error.name, []).append(operation.name)
    for name, error in errors.items():
        if error.about:
            meaning = f"{error.label}, an error of {service.name}: {error.about[0]}"
            last = f"Raised by {some(raisers[name], 'operations')}."
            source = f"botocore:{service.folder}#{name}"
            yield from _cut(_title(service.name, name), source, [meaning, *error.about[1:], last])


class Said:
    """What the passages of one service have said so far, so that they do not say it again."""

    def __init__(self) -> None:
        self._paragraphs: set[str] = set()
        self._parameters: dict[str, list[frozenset[str]]] = {}

    def fresh(self, paragraphs: Sequence[str]) -> list[str]:
        """Return the paragraphs without the long ones that were said before, and note them."""
        fresh = [text for text in paragraphs if text not in self._paragraphs]
        self._paragraphs.update(text for text in paragraphs if words(text) >= FEWEST_REPEATED_WORDS)
        return fresh

    def retells(self, parameter: Parameter) -> bool:
        """Tell whether the parameter, of the same name, was described much like this before."""
        own = frozenset(" ".join(parameter.about).lower().split())
        if len(own) < FEWEST_REPEATED_WORDS:
            return False
        before = self._parameters.setdefault(parameter.name, [])
        if any(len(own & other) >= SAME_PARAMETER * len(own | other) for other in before):
            return True
        before.append(own)
        return False


def parameter_text(parameter: Parameter, said: Said) -> str:
    """Return a parameter, its name first; of a description told before, only the first sentence.

    It is no list item, so that a reader can quote one parameter without its neighbours.
    """
    about = said.fresh(parameter.about)
    if said.retells(parameter):
        about = [first_sentence(parameter.about[0])]
    elif parameter.about and parameter.about[0] not in about:
        rest = [text for text in about if not text.startswith("- ")]
        about = [first_sentence(parameter.about[0]), *rest]
    if not _names_all(about, parameter.values):
        about.append(f"Values: {some(parameter.values)}.")
    first, *more = about or ["No description."]
    return "\n".join([f"{parameter.name} ({parameter.facts}): {first}", *more])


def error_lines(errors: Sequence[ServiceError], common: set[str]) -> Iterator[str]:
    """Yield a line for each error that is an operation's own, and one that names the others."""
    for error in errors:
        if error.name not in common and error.about:
            yield f"{error.label}: {first_sentence(error.about[0])}"
    if others := [error.name for error in errors if error.name in common or not error.about]:
        yield f"Also raised: {some(others)}."


def _names_all(about: Sequence[str], values: Sequence[str]) -> bool:
    text = " ".join(about)
    return all(value in text for value in values)


def _joined(parts: Sequence[tuple[str, list[str]]]) -> list[tuple[str, list[str]]]:
    """Put short parts together, so that a passage says enough to stand alone."""
    joined: list[tuple[str, list[str]]] = []
    for part, blocks in parts:
        if not blocks:
            continue
        before = joined[-1][1] if joined else []
        fits = _length([*before, *blocks]) <= MOST_WORDS
        if before and (fits or _length(before) < FEWEST_WORDS or _length(blocks) < FEWEST_WORDS):
            before += [f"{part.capitalize()}:", *blocks]
        else:
            joined.append((part, list(blocks)))
    return joined


def _title(whole: str, part: str) -> str:
    return f"{whole} \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} {part}" if part else whole


# --- packing ---------------------------------------------------------------------------------


def _cut(title: str, source: str, blocks: Sequence[str]) -> Iterator[Passage]:
    """Yield the blocks in passages of about `MOST_WORDS`, numbered from the second on."""
    texts = [text for text in _pack(blocks) if words(text) >= FEWEST_WORDS_ALONE]
    for number, text in enumerate(texts, start=1):
        digest = hashlib.blake2b(f"{source}\n{title}\n{number}\n{text}".encode(), digest_size=10).hexdigest()
        yield Passage(
            passage_id=f"aws-{digest}",
            title=title if number == 1 else f"{title} ({number})",
            text=text,
            source=source,
        )


def _pack(blocks: Sequence[str]) -> list[str]:
    packed: list[list[str]] = []
    for block in chain.from_iterable(map(_parts, blocks)):
        last = packed[-1] if packed else []
        if last and (_length([*last, block]) <= MOST_WORDS or _length(last) < FEWEST_WORDS):
            last.append(block)
        elif len(last) > 1 and last[-1].endswith(":"):
            packed.append([last.pop(), block])
        else:
            packed.append([block])
    if len(packed) > 1 and _length(packed[-1]) < FEWEST_WORDS:
        rest = packed.pop()
        packed[-1] += rest
    return ["\n".join(passage) for passage in packed]


def _parts(block: str) -> list[str]:
    """Cut a block that is too long at its lines, or else at its sentences; a part names its parameter."""
    if words(block) <= MOST_WORDS:
        return [block]
    lines = block.split("\n")
    pieces, joint = (lines, "\n") if len(lines) > 1 else (sentences(block), " ")
    parts = [pieces[0]]
    for piece in pieces[1:]:
        if words(parts[-1]) + words(piece) <= MOST_WORDS:
            parts[-1] += f"{joint}{piece}"
        else:
            parts.append(piece)
    parameter = PARAMETER.match(block)
    name = f"{parameter[1]} (continued): " if parameter else ""
    return [parts[0], *(_lead(name, part) for part in parts[1:])]


def _lead(name: str, part: str) -> str:
    """Put the parameter's name before a further part, on a line of its own before a list."""
    return f"{name.rstrip()}\n{part}" if name and part.startswith("- ") else f"{name}{part}"


def _length(blocks: Sequence[str]) -> int:
    return sum(map(words, blocks))
