"""An EventBridge that fails as it is told, behind the real boto3 client, which it answers in place of AWS."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError

Entry = Mapping[str, Any]
Failures = Callable[[Sequence[Entry]], list[str | None]]
"""From the entries of a call to an error code each, `None` for those that are taken."""


class FlakyBus:
    """Takes what it does not fail; what it took is what consumers would see."""

    def __init__(self) -> None:
        import boto3
        from botocore.config import Config

        self.taken: list[dict[str, Any]] = []
        """Details in the order in which they were taken, repeats and all."""

        self.calls: list[list[str]] = []
        """Event ids of each call."""

        self.fail: Failures = lambda entries: [None] * len(entries)
        self.refuse_call: str | None = None
        """Error code for whole calls; `timeout`: taken, but the answer never comes."""

        self.client = boto3.client(
            "events",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"mode": "standard", "total_max_attempts": 1}),
        )
        self.client.meta.events.register("before-send.events.PutEvents", self._answer)

    def _answer(self, request: Any, **_: Any) -> AWSResponse:
        entries = json.loads(request.body)["Entries"]
        details = [json.loads(entry["Detail"]) for entry in entries]
        self.calls.append([detail["event_id"] for detail in details])
        if self.refuse_call and self.refuse_call != "timeout":
            return _response(request.url, 400, {"__type": self.refuse_call, "message": "no"})
        codes = self.fail(entries)
        self.taken += [detail for detail, code in zip(details, codes, strict=True) if code is None]
        if self.refuse_call == "timeout":
            raise ReadTimeoutError(endpoint_url=request.url)
        answers = [
            {"ErrorCode": code, "ErrorMessage": "no"} if code else {"EventId": str(number)}
            for number, code in enumerate(codes)
        ]
        failed = sum(code is not None for code in codes)
        return _response(request.url, 200, {"FailedEntryCount": failed, "Entries": answers})


class _Raw:
    """A body that botocore reads as it would a socket's."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: Any) -> list[bytes]:
        return [self._body]


def _response(url: str, status: int, body: Mapping[str, Any]) -> AWSResponse:
    headers = {"content-type": "application/x-amz-json-1.1", "retry-after": "3"}
    return AWSResponse(url, status, headers, _Raw(json.dumps(body).encode()))
