"""Folder and bucket keep one promise: a name is whole or absent, and never changes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from memory.breaker import ServiceUnavailable
from memory.errors import StorageFailed
from memory.objects import FolderObjects, Objects
from memory.ports import LakeFile
from memory.s3 import S3Objects
from tests.aws import own_bucket

PART = 5 * 1024 * 1024
"""Smallest part that S3 takes (bytes)."""


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.services("aws"))])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Objects]:
    if request.param == "folder":
        yield FolderObjects(tmp_path)
    else:
        with own_bucket(part_bytes=PART) as bucket:
            yield bucket


def read(objects: Objects, name: str) -> bytes:
    with objects.open(name) as file:
        return bytes(file.read())


def test_what_was_put_is_listed_by_name_and_read_back(objects: Objects) -> None:
    objects.put("a/2", b"two")
    objects.put("a/1", b"one!")
    objects.put("ab/3", b"three")

    assert objects.list("a") == [LakeFile("a/1", 4), LakeFile("a/2", 3)]
    assert read(objects, "a/1") == b"one!"
    assert objects.list("nothing") == []


def test_a_name_that_is_there_stays_as_it_is(objects: Objects) -> None:
    objects.put("a/1", b"first")

    objects.put("a/1", b"second")

    assert read(objects, "a/1") == b"first"


def test_a_large_one_is_put_in_parts_and_is_there_once(objects: Objects) -> None:
    body = bytes(range(256)) * (3 * PART // 256 // 2)

    objects.put("a/large", body)
    objects.put("a/large", body[::-1])

    assert objects.list("a") == [LakeFile("a/large", len(body))]
    assert read(objects, "a/large") == body


def test_what_is_not_there_is_told(objects: Objects) -> None:
    with pytest.raises(StorageFailed, match=r"nowhere|NoSuchKey"):
        objects.open("nowhere")


@pytest.mark.services("aws")
def test_an_upload_that_failed_leaves_no_parts_behind(aws_url: str) -> None:
    with own_bucket(part_bytes=PART) as bucket:
        client, name = bucket._client, bucket._bucket
        bucket.put("a/large", b"x" * (PART + 1))
        bucket.put("a/large", b"y" * (PART + 1))

        assert "Uploads" not in client.list_multipart_uploads(Bucket=name)


def answered(codes: list[str]) -> tuple[S3Objects, list[str]]:
    """A bucket whose writes are answered with these error codes, `OK` for those that are taken."""
    from botocore.awsrequest import AWSResponse

    from benchmarks.flaky_bus import _Raw

    client = boto3.client(
        "s3",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"mode": "standard", "total_max_attempts": 1}),
    )
    asked: list[str] = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        code = codes[len(asked)]
        asked.append(request.headers.get("If-None-Match", b"").decode())
        status = {"OK": 200, "ConditionalRequestConflict": 409, "PreconditionFailed": 412}.get(code, 503)
        body = b"" if code == "OK" else f"<Error><Code>{code}</Code></Error>".encode()
        return AWSResponse(request.url, status, {}, _Raw(body))

    client.meta.events.register("before-send.s3.PutObject", answer)
    return S3Objects(client, "b"), asked


def test_two_who_write_one_name_at_once_both_end_well() -> None:
    bucket, asked = answered(["ConditionalRequestConflict", "ConditionalRequestConflict", "OK"])

    bucket.put("a", b"1")

    assert asked == ["*"] * 3


def test_a_bucket_that_is_too_busy_is_told_as_such() -> None:
    bucket, _ = answered(["SlowDown"])

    with pytest.raises(ServiceUnavailable, match=r"S3 bucket `b` cannot be used: .*SlowDown"):
        bucket.put("a", b"1")
