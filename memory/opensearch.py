"""A small client of OpenSearch: signed requests, searches within a time budget, bulk loads that are checked.

Vectors are written straight from NumPy arrays (orjson); `python -m benchmarks.adapters` measures what that is
worth beside the client of the OpenSearch project.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

import orjson
import urllib3

from memory.breaker import Breaker, ServiceUnavailable
from memory.errors import AgentError

Service = Literal["es", "aoss"]
"""Name under which AWS signs: OpenSearch Service domains, or OpenSearch Serverless."""

Engine = Literal["lucene", "faiss"]
"""Who keeps the vectors. Always named: the default needs a native library that may be absent."""

Sign = Callable[[str, str, Mapping[str, str], bytes], Mapping[str, str]]
"""Takes method, address, headers and body, and returns all headers of the signed request."""

SEARCH_S = 0.25
"""Time budget of a search (seconds); a whole turn takes longer, and one without passages is no answer."""

OPEN_S = 5.0
"""Time-out of each request that opens an index (seconds)."""

WRITE_S = 60.0
"""Time-out of each request that builds an index (seconds)."""

CONNECT_S = 2.0

BULK_BYTES = 5_000_000
BULK_DOCUMENTS = 1_000
"""Most of one bulk request: small AWS nodes take no request above 10 MB."""

TRIES = 6
"""Times that a bulk request, or what was refused of one, is sent before the load is given up."""

FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 10.0
SEARCHABLE_WITHIN_S = 180.0
"""OpenSearch Serverless makes documents searchable by itself, within a minute or so."""

POLL_S = 0.5
BUSY = frozenset({429, 500, 502, 503, 504})
"""Statuses that mean "not now"; all others are about the request."""

CONNECTIONS = 8
"""Requests at once. Threads of their own: a slow service must not keep others from theirs."""


class SearchRefused(AgentError):
    """OpenSearch answered that it will not do what it was asked."""

    code = "memory.search_refused"
    kind = "unavailable"

    def __init__(self, what: str, status: int, reason: str) -> None:
        super().__init__(
            f"OpenSearch refused `{what}`: {status} {reason}.",
            fix=_FIXES.get(
                status, "Build the index again: `slipstream learn`, `slipstream knowledge build`."
            ),
        )
        self.status = status


_FIXES = {
    401: "Let the role of this program read and write the index (`opensearch_service`, access policy).",
    403: "Let the role of this program read and write the index (`opensearch_service`, access policy).",
}


class NotNow(OSError):
    """It is overloaded or out of order: to ask again later may help."""


class Document(NamedTuple):
    """What is indexed; NumPy vectors may stand in `fields`."""

    key: str
    fields: Mapping[str, Any]


class OpenSearch:
    """One cluster or collection; safe to share between threads."""

    def __init__(
        self,
        url: str,
        *,
        service: Service | None = None,
        sign: Sign | None = None,
        search_s: float = SEARCH_S,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`service` and `sign` go together; without them requests are sent as they are."""
        self._url = url.rstrip("/")
        self.is_serverless = service == "aoss"
        self._sign = sign
        self._search_s = search_s
        self._sleep = sleep
        self._pool = urllib3.PoolManager(maxsize=CONNECTIONS, block=False, retries=False)
        self._threads = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="opensearch")
        self.name = f"OpenSearch at `{urlsplit(url).netloc}`"
        self._breaker = Breaker(self.name, budget_s=search_s)

    def close(self) -> None:
        """Give connections and threads back."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._pool.clear()

    def ask(self, method: str, path: str, body: object = None, *, timeout_s: float = WRITE_S) -> Any:
        """Send a request and return its JSON; `None` when what it names is not there.

        Raises:
            NotNow: no connection, no answer in time, or a status of `BUSY`.
            SearchRefused: any other status that is no success.
        """
        sent = body if isinstance(body, bytes) else b"" if body is None else _json(body)
        kind = "application/x-ndjson" if isinstance(body, bytes) else "application/json"
        headers: Mapping[str, str] = {"Content-Type": kind} if sent else {}
        if self._sign:
            headers = self._sign(method, self._url + path, headers, sent)
        try:
            answer = self._pool.request(
                method,
                self._url + path,
                body=sent,
                headers=headers,
                timeout=urllib3.Timeout(connect=min(CONNECT_S, timeout_s), total=timeout_s),
            )
        except urllib3.exceptions.HTTPError as error:
            raise NotNow(type(error).__name__) from None
        if answer.status == 404:
            return None
        if answer.status in BUSY:
            raise NotNow(f"status {answer.status}")
        if answer.status >= 400:
            raise SearchRefused(f"{method} {path}", answer.status, _reason(answer.data))
        return orjson.loads(answer.data) if answer.data else {}

    def command(self, method: str, path: str, body: object = None, *, timeout_s: float = WRITE_S) -> Any:
        """Do what `ask` does, for those who cannot try again.

        Raises:
            ServiceUnavailable: it does not answer.
            SearchRefused: it will not do it.
        """
        try:
            return self.ask(method, path, body, timeout_s=timeout_s)
        except NotNow as error:
            raise ServiceUnavailable(self.name, str(error)) from error

    async def search(self, index: str, body: Mapping[str, Any]) -> list[dict[str, Any]] | None:
        """Return the hits, `None` when there is no such index; within the time budget of a search.

        Raises:
            ServiceUnavailable: it does not answer, not in time, or did not lately.
            SearchRefused: the query or the index is not what it should be.
        """
        return await self._breaker.call(lambda: self._in_thread(f"/{index}/_search", body))

    async def _in_thread(self, path: str, body: Mapping[str, Any]) -> list[dict[str, Any]] | None:
        def work() -> Any:
            return self.ask("POST", path, body, timeout_s=self._search_s)

        found = await asyncio.get_running_loop().run_in_executor(self._threads, work)
        if found is None:
            return None
        if found["timed_out"] or found["_shards"]["failed"]:
            raise NotNow("a part of the index did not answer")  # a part of the hits would pass for all
        hits: list[dict[str, Any]] = found["hits"]["hits"]
        return hits

    # --- loading -----------------------------------------------------------------------------------

    def load(self, index: str, documents: Iterable[Document]) -> int:
        """Index all documents and return how many; the answer for each is read.

        What the service has no room for is sent again, and only that. A request that got no answer is sent
        again as a whole: keys make that harmless. Serverless collections make up keys of their own, so there
        the load is given up, and the next one begins with a new index.

        Raises:
            ServiceUnavailable: it did not take them all, however often asked.
            SearchRefused: a document is not what the mapping says.
        """
        count = 0
        for lines in _batches(documents, has_keys=not self.is_serverless):
            self._load(index, lines)
            count += len(lines)
        return count

    def _load(self, index: str, lines: list[bytes]) -> None:
        waits = 0
        while lines:
            try:
                answer = self.ask("POST", f"/{index}/_bulk", b"".join(lines))
            except NotNow as error:
                is_safe = not self.is_serverless or str(error) == "status 429"
                if not is_safe or waits == TRIES - 1:
                    raise ServiceUnavailable(
                        "OpenSearch", f"it did not take the documents ({error})"
                    ) from error
            else:
                lines = _left(index, lines, answer)
                if lines and waits == TRIES - 1:
                    raise ServiceUnavailable(self.name, f"it has no room for {len(lines)} documents")
            if lines:
                self._sleep(random.uniform(0, min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**waits)))
                waits += 1

    def count(self, index: str) -> int:
        """Return how many documents a search can see."""
        answer = self.command("GET", f"/{index}/_count")
        return int(answer["count"]) if answer else 0

    def settle(self, index: str, expected: int) -> None:
        """Return once all `expected` documents can be searched.

        Raises:
            ServiceUnavailable: they are not all there.
        """
        if not self.is_serverless:
            self.command("POST", f"/{index}/_refresh")
        waited_s = 0.0
        while (seen := self.count(index)) != expected:
            if not self.is_serverless or waited_s >= SEARCHABLE_WITHIN_S:
                raise ServiceUnavailable(self.name, f"`{index}` shows {seen} of {expected} documents")
            self._sleep(POLL_S)
            waited_s += POLL_S

    def discard(self, index: str) -> None:
        """Remove an index if that can be done; what is left is found by the next build."""
        with suppress(AgentError):
            self.command("DELETE", f"/{index}")


def _json(body: object) -> bytes:
    return orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)


def _reason(data: bytes) -> str:
    """Return the type of an error, never its text: that may quote a document."""
    try:
        return str(orjson.loads(data)["error"]["type"])[:80]
    except (ValueError, KeyError, TypeError):
        return "no reason given"


def _batches(documents: Iterable[Document], *, has_keys: bool) -> Iterator[list[bytes]]:
    """Yield the lines of bulk requests, one item a document."""
    lines: list[bytes] = []
    size = 0
    for document in documents:
        action = _json({"index": {"_id": document.key} if has_keys else {}})
        line = b"%b\n%b\n" % (action, _json(document.fields))
        if lines and (size + len(line) > BULK_BYTES or len(lines) == BULK_DOCUMENTS):
            yield lines
            lines, size = [], 0
        lines.append(line)
        size += len(line)
    if lines:
        yield lines


def _left(index: str, lines: list[bytes], answer: Any) -> list[bytes]:
    """Return the lines that have to be sent again."""
    if not answer["errors"]:
        return []
    left = []
    for line, item in zip(lines, answer["items"], strict=True):
        status = item["index"]["status"]
        if status in BUSY:
            left.append(line)
        elif status >= 400:
            raise SearchRefused(f"a document for {index}", status, str(item["index"]["error"]["type"]))
    return left
