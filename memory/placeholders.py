"""Placeholders that are the same wherever a value comes again in a session: `<EMAIL_4821>`.

The number is a keyed digest (HMAC-SHA-256) of session, kind and value, cut to four digits. So nothing has to
be remembered between turns, processes or crashes; the same person has another number in each session; and no
number tells a value, because many values share it, with the key or without. Secrets get no number: nobody has
to follow one.
"""

import hmac
import os
from collections.abc import Callable
from pathlib import Path

from memory.errors import StorageFailed
from memory.redact import replace
from memory.secretrules import SECRET_RULES

KEY_BYTES = 32
NUMBERS = 9_000
"""How many different numbers there are, from 1000 on (count)."""

_SECRETS = frozenset(rule.label for rule in SECRET_RULES)


def session_redactor(key: bytes, scope: str) -> Callable[[str], str]:
    """Return what redacts texts of one session; `scope` names the session among all tenants."""

    def placeholder(label: str, value: str) -> str:
        if label in _SECRETS:
            return f"<{label}>"
        same = "".join(char for char in value.casefold() if char.isalnum())
        named = f"{scope}\x00{label}\x00{same}".encode(errors="surrogatepass")
        number = int.from_bytes(hmac.digest(key, named, "sha256")[:8]) % NUMBERS + 1_000
        return f"<{label}_{number}>"

    return lambda text: replace(text, placeholder)


def open_key(file: Path) -> bytes:
    """Return the key of this installation; it is made the first time, for its owner's eyes only.

    Raises:
        StorageFailed: the file cannot be read or written, or is no key.
    """
    try:
        if not file.exists():
            _make_key(file)
        with file.open("rb") as opened:
            key, mode = opened.read(), os.fstat(opened.fileno()).st_mode
    except OSError as error:
        raise StorageFailed(str(file), error.strerror or "it cannot be used") from None
    if len(key) != KEY_BYTES:
        raise StorageFailed(str(file), f"it holds {len(key)} bytes, and a key has {KEY_BYTES}")
    if os.name == "posix" and mode & 0o077:
        raise StorageFailed(str(file), "others can read or change this key (`chmod 600` it)")
    return key


def _make_key(file: Path) -> None:
    """Write a key beside the file and link it into place: of two processes one wins, both read the same."""
    beside = file.with_name(f"{file.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(os.urandom(KEY_BYTES))
    try:
        os.link(beside, file)
    except FileExistsError:
        pass
    finally:
        beside.unlink()
